"""Inspection of views, learning curves, architecture and attention."""
