"""Known systems as settings, run on the data at hand and compared in a table."""
