"""Keras code shared by the stages and app; a stage that needs no TensorFlow starts 4 s sooner."""

import os
import tempfile

# These must stand before the first import of keras or tensorflow, hence here.
os.environ["KERAS_BACKEND"] = "tensorflow"  # whatever ~/.keras/keras.json says
if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") == "3":
    # TensorFlow greets with a dozen lines, on machines without a GPU with "errors" of CUDA too,
    # and writes some of them before it reads this variable. They are shown where the import
    # fails; what fails later is raised as an exception. TF_CPP_MIN_LOG_LEVEL=0 shows all.
    with tempfile.TemporaryFile() as greeting:
        stderr = os.dup(2)
        os.dup2(greeting.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
        except BaseException:
            greeting.seek(0)
            os.write(stderr, greeting.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
