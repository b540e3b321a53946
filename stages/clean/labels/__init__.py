"""Labels of the files, from class folders and from tables."""
