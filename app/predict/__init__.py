"""Predictions for image files: tables, heat maps and sorted copies from the command line."""
