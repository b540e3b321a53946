"""Report: one page with the results of all stages, and the model card."""
