"""Evaluation: metrics with intervals, curves, slices and decisions."""
