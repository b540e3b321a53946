"""Precisions in which the model can be asked; apart, so that command lines need no TensorFlow."""

PRECISIONS = ("float32", "bfloat16")
