"""What `python -m app.export` is made of: images, formats, and the comparison with Keras."""

import networks  # noqa: F401  chooses Keras's backend, and must come before Keras
