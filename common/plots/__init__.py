"""Plots: their common style, and the kinds that several stages draw."""
