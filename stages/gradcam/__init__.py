"""Heat maps of test images, and tests of how faithful they are."""
