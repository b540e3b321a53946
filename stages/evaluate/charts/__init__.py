"""Charts of the evaluation, one kind per file."""
