"""Balance of the classes of train, on row numbers."""
