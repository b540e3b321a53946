"""What `make` calls beside the pipeline: search, comparison, recipes."""
