"""The built-in sample: a small, imbalanced, faulty image set, made from a seed."""
