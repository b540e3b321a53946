"""Export of the trained model to other formats, compared with the Keras model."""

import networks  # noqa: F401  chooses Keras's backend, and must come before Keras
