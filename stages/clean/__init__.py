"""Cleaning: labels, decoding, rejection of what is unusable or a copy."""
