"""Extraction: feature maps of the frozen backbone, cached per image and view."""
