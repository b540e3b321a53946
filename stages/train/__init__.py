"""Training of the head, tuning of the backbone, and the complete model."""
