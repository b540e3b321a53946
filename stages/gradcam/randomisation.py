"""Randomisation test of heat maps: their change while the model loses its weights.

Adebayo et al. 2018, "Sanity checks for saliency maps", section 3.1, the cascading randomisation
from the output to the input: first the head loses its weights, then the last block of each
network as well, then the one before it, and so on. A map that stays as it was shows edges of the
image, not evidence of the model. Where the paper draws new weights, here each tensor's own values
are dealt anew: as random, and of the scale that the layers around them expect.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras
import numpy as np
from scipy import stats

from networks.blocks import blocks_of, networks_of

HEAD, ALL = "head", "all"
ALIKE = 0.5  # a mean rank correlation above this, with shuffled weights, is worth a warning
Heats = Callable[[], dict[str, np.ndarray]]


def cascade(backbone: keras.Model, head: keras.Model) -> list[tuple[str, list[keras.Layer]]]:
    """The states of the randomisation in order: the name of each, and the layers it adds.

    HEAD, then last_1 (the last block of each network, too), last_2, …; the last one is ALL.
    """
    blocks_by_network = [blocks_of(network)[::-1] for network in networks_of(backbone)]
    steps = [(HEAD, [layer for layer in head.layers if layer.weights])]
    deepest = max(map(len, blocks_by_network))
    for depth in range(1, deepest + 1):
        added = [blocks[depth - 1] for blocks in blocks_by_network if len(blocks) >= depth]
        name = ALL if depth == deepest else f"last_{depth}"
        steps.append((name, [layer for block in added for layer in block]))
    return steps


def shuffle(layer: keras.Layer, rng: np.random.Generator) -> None:
    """Deals the values of each weight of a layer anew, in place."""
    for weight in layer.weights:
        if keras.backend.is_float_dtype(weight.dtype):
            values = keras.ops.convert_to_numpy(weight)
            weight.assign(rng.permutation(values.ravel()).reshape(values.shape))


@contextmanager
def restored(*models: keras.Model) -> Iterator[None]:
    """Gives the models back the weights that they have now."""
    kept = [model.get_weights() for model in models]
    try:
        yield
    finally:
        for model, weights in zip(models, kept, strict=True):
            model.set_weights(weights)


def correlations(
    backbone: keras.Model, head: keras.Model, heats: Heats, seed: int
) -> dict[str, dict[str, np.ndarray]]:
    """Rank correlations of images' heat maps with those of the model as it was.

    Args:
        backbone: of one or several networks; in the end it is as before.
        head: likewise.
        heats: makes the heat maps of the images with the model as it then is: method to float
            (n, h, w).
        seed: of the shuffles.

    Returns:
        Method to state (`cascade`) to Spearman's rank correlation over positions, float (n,), NaN
        where one of the two maps is the same everywhere.
    """
    rng = np.random.default_rng(seed)
    with restored(backbone, head):
        before = heats()
        results = {method: {} for method in before}
        for state, layers in cascade(backbone, head):
            for layer in layers:
                shuffle(layer, rng)
            for method, after in heats().items():
                results[method][state] = np.array(
                    [rank_correlation(*pair) for pair in zip(before[method], after, strict=True)]
                )
    return results


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's, over all entries; NaN where one is constant or not finite."""
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        return float("nan")
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(stats.spearmanr(first.ravel(), second.ravel()).statistic)


def mean(values: np.ndarray) -> float | None:
    """The mean of those that are defined; None where none is."""
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else None
