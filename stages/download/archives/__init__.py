"""Archives: checks before anything is written, then unpacking."""
