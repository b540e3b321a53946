"""Random seeds and threads, so that the same machine gives the same bytes."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf

from common.errors import StageError

TRAINING = "training"  # name of the numbers that are drawn when all networks are built

_seed = 0  # the one configured; of the process, like the generators that it starts


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
    set_seed(seed)


def set_seed(seed: int) -> None:
    """Seeds Python, NumPy and TensorFlow, and all that is built by `seeded` from now on."""
    global _seed
    _seed = seed
    keras.utils.set_random_seed(seed)


@contextmanager
def seeded(name: str) -> Iterator[None]:
    """Makes random numbers depend on the configured seed and a name alone.

    Inside, the generators start from seed and name; afterwards they start from the seed and
    TRAINING. So the weights of a network, and the noise and dropout of a training after it, are
    the same whatever was built before. Also a decorator.

    Args:
        name: of what is built.
    """
    keras.utils.set_random_seed(_derived(name))
    try:
        yield
    finally:
        keras.utils.set_random_seed(_derived(TRAINING))


def _derived(name: str) -> int:
    """A seed of 32 bits for a name."""
    digest = hashlib.sha256(f"{_seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:4], "big")
