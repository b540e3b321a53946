"""Everything that needs TensorFlow. Stages that do without it start four seconds sooner."""

import os

# These must stand before the first import of keras or tensorflow, hence here and not in a function.
os.environ["KERAS_BACKEND"] = "tensorflow"  # whatever ~/.keras/keras.json says
# TensorFlow greets with a page of lines, and on machines without a GPU with "errors" of CUDA.
# What really fails is raised as an exception as well. TF_CPP_MIN_LOG_LEVEL=0 shows all.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
