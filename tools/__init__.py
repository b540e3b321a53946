"""Tools beside the pipeline, which `make` calls: search, comparison, recipes."""
