"""Split into train, val and test, and resizing."""
