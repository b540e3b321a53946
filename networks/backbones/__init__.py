"""The networks that can stand as backbone, a file to each family, behind `build`."""
