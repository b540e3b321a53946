"""Precisions of a model's computations; apart, so that command lines need no TensorFlow."""

PRECISIONS = ("float32", "bfloat16")
