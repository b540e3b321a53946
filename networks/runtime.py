"""One seed and one number of threads, so that the same machine gives the same bytes."""

import keras
import tensorflow as tf

from common.errors import StageError


def configure(seed: int, threads: int) -> None:
    """Seeds Python, NumPy and TensorFlow, fixes the threads and asks for deterministic kernels.

    Call it before any other use of TensorFlow. The number of threads decides in which order
    floating-point sums are taken: 1, 2 and 4 threads gave three different sets of weights.

    Raises:
        StageError: TensorFlow already runs with another number of threads.
    """
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError:
        if tf.config.threading.get_intra_op_parallelism_threads() != threads:
            raise StageError(
                f"Expected to set TensorFlow to compute.threads: {threads}. Received: a process "
                "in which TensorFlow already runs with another number. Start the stage by itself."
            ) from None
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(seed)
