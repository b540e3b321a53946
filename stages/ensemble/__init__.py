"""Ensemble of finished experiments: plain average and greedy selection."""
