"""Faithfulness of heat maps: curves of deletion and insertion.

Petsiuk et al. 2018, "RISE", section 4.1. Deletion covers the image, hottest pixels first, with
its mean colour: the earlier the explained class's probability falls, the smaller the area below
the curve and the better the map. Insertion begins with the image blurred and brings its pixels
back, hottest first: here the larger area is better.

As the paper does, the probability is that of the class which the model predicts. Unlike there
(a pixel row at a time) there are STEPS steps of equal share, and the blur grows with the image:
a fixed one leaves large images as they are. Where pixels are equally hot, the image's random
map decides, so that a map without any heat does exactly as the random one does. That one has the
grid of the first method's maps and is enlarged like them: only its places are random, not its
grain.
"""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from common import cli
from networks.engine import FrozenNetwork
from stages.gradcam.explainer import Explainer
from stages.gradcam.heat import centre_blob, enlarge, random_map
from stages.gradcam.names import CENTRE, RANDOM

STEPS = 10
BLUR = 1 / 16  # standard deviation of insertion's blur, of the shorter side


def steps_of_pixels(heat: np.ndarray, chance: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The one of STEPS steps that changes each pixel: uint8 (height, width), hottest in step 0.

    Args:
        heat: float (h, w).
        chance: float (h, w), of another grid or the same: decides between equally hot pixels.
        size: (height, width) in px.
    """
    heat_of_pixels, chance_of_pixels = (enlarge(cells, size).ravel() for cells in (heat, chance))
    order = np.lexsort((-chance_of_pixels, -heat_of_pixels))
    steps = np.empty(len(order), np.uint8)
    steps[order] = np.arange(len(order)) * STEPS // len(order)
    return steps.reshape(size)


def canvases(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The image's mean colour all over, and the image blurred: uint8 (height, width, 3)."""
    mean = np.rint(pixels.mean(axis=(0, 1))).astype(np.uint8)
    sigma = BLUR * min(pixels.shape[:2])
    blurred = ndimage.gaussian_filter(pixels.astype(np.float32), (sigma, sigma, 0), mode="nearest")
    return np.broadcast_to(mean, pixels.shape), np.rint(blurred).astype(np.uint8)


def measure(
    network: FrozenNetwork,
    explainer: Explainer,
    rows: Sequence[int],
    classes: np.ndarray,
    seed: int,
) -> dict[str, np.ndarray]:
    """Deletion and insertion curves of images, by each of the explainer's methods.

    Args:
        network: from `engine.frozen_classifier`.
        explainer: of the split.
        rows: of the split.
        classes: int (len(rows),), the class that is explained.
        seed: of the random maps, together with the row.

    Returns:
        Method to float64 (2, len(rows), STEPS + 1), deletion and insertion; beside the methods
        RANDOM and CENTRE. Entry s is the probability once s steps are done.
    """
    pairs_of: dict[str, list] = {}
    with cli.progress(None, "deleting and inserting", len(rows)) as bar:
        for batch, pixels in explainer.batches(rows):
            labels = classes[bar.n : bar.n + len(batch)]
            heats = explainer.heats(pixels, labels)
            grid = next(iter(heats.values())).shape[1:]
            random = [random_map(np.random.default_rng([seed, row]), grid) for row in batch]
            heats |= {RANDOM: np.stack(random), CENTRE: np.stack([centre_blob(grid)] * len(batch))}
            for index in range(len(batch)):
                maps = {name: heat[index] for name, heat in heats.items()}
                curves = _curves(network, pixels[index], maps, labels[index])
                for name, pair in curves.items():
                    pairs_of.setdefault(name, []).append(pair)
                bar.update()
    return {name: np.stack(pairs, axis=1) for name, pairs in pairs_of.items()}


def _curves(network, pixels, maps, label) -> dict[str, np.ndarray]:
    """Both curves of one image by each map, float64 (2, STEPS + 1)."""
    size = pixels.shape[:2]
    mean, blur = canvases(pixels)
    steps = range(1, STEPS)
    # The ends are the same whatever the map: computed once.
    jobs = [(pixels, pixels, np.zeros(size, np.uint8), 0)]
    jobs += [(canvas, canvas, np.zeros(size, np.uint8), 0) for canvas in (mean, blur)]
    for heat in maps.values():
        step_of = steps_of_pixels(heat, maps[RANDOM], size)
        jobs += [(pixels, mean, step_of, step) for step in steps]
        jobs += [(blur, pixels, step_of, step) for step in steps]
    mixed = [
        np.where((step_of < step)[..., None], after, before)
        for before, after, step_of, step in jobs
    ]
    answers = network(np.stack(mixed))[1][:, label]
    whole, deleted, blurred = answers[:3].astype(np.float64)
    inner = answers[3:].astype(np.float64).reshape(len(maps), 2, len(steps))
    return {
        name: np.stack([[whole, *parts[0], deleted], [blurred, *parts[1], whole]])
        for name, parts in zip(maps, inner, strict=True)
    }
