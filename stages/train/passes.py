"""Passes over the batches of an epoch, in TensorFlow alone or batch by batch."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from common import cli
from networks.forward import traced
from stages.train.steps import Batch, Step


def looped(
    batch_at: Callable[[tf.Tensor], Batch], n_steps: int, at_once: int
) -> Callable[[Step], Callable[[], None]]:
    """Passes whose steps are made without Python between them.

    A step of a small head takes .3 ms, and Keras's `fit` a good 1 ms more to begin it.

    Args:
        batch_at: from int64 scalar, the number of a step, to its batch; TensorFlow alone.
        n_steps: of a pass.
        at_once: steps of one call. Ctrl+C is heard between calls.

    Returns:
        A function from a step to a function that makes it for each batch in turn.
    """
    number = tf.TensorSpec((), tf.int64)

    def of(step: Step) -> Callable[[], None]:
        def loop(first: tf.Tensor, end: tf.Tensor) -> None:
            def body(index: tf.Tensor) -> tuple[tf.Tensor]:
                step(batch_at(index))
                return (index + 1,)

            # More iterations at a time would gather ahead, which takes memory and was no faster.
            tf.while_loop(lambda index: index < end, body, (first,), parallel_iterations=1)

        graph = traced(loop, number, number)

        def make() -> None:
            for first in range(0, n_steps, at_once):
                graph(np.int64(first), np.int64(min(first + at_once, n_steps)))

        return make

    return of


def streamed(
    read: Callable[[int], tuple[np.ndarray, np.ndarray, np.ndarray]], n_steps: int
) -> Callable[[Step], Callable[[], None]]:
    """Passes whose batches threads read ahead, in order, while one is in use.

    Args:
        read: from the number of a step to its batch.
        n_steps: of a pass.

    Returns:
        As `looped`.
    """

    def of(step: Step) -> Callable[[], None]:
        graphs = []

        def make() -> None:
            for batch in cli.parallel_map(read, range(n_steps)):
                if not graphs:  # of any size of batches: the last one is smaller
                    specs = (tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in batch)
                    graphs.append(traced(lambda *parts: step(parts), *specs))
                graphs[0](*batch)

        return make

    return of
