"""How faithful heat maps are: what becomes of the answer when hot places go, or come, first.

Deletion and insertion (Petsiuk et al. 2018, "RISE", section 4.1). Deletion covers the image,
hottest pixels first, with its mean colour: the earlier the explained class's probability falls,
the smaller the area below the curve and the better the map. Insertion begins with the image
blurred and brings its pixels back, hottest first: here the larger area is better.

As the paper does, the probability is that of the class which the model predicts. Unlike there
(a pixel row at a time) there are STEPS steps of equal share, and the blur grows with the image:
a fixed one leaves large images as they are. Where pixels are equally hot, the image's random
map decides, so that a map without any heat does exactly as the random one does. That one has the
grid of the first method's maps and is enlarged like them: only its places are random, not its
grain.
"""

from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf
from scipy import ndimage, stats

from common import cli
from common.heat import centre_blob, enlarge, random_map
from networks.forward import traced
from stages.gradcam.explainer import Explainer

STEPS = 10
BLUR = 1 / 16  # standard deviation of insertion's blur, of the shorter side
RANDOM, CENTRE = "random", "centre"
BAR = 0.025  # of the p-value; one-sided, as a 95 % interval has it at each end
RESAMPLES = 9999


def choose_images(label: np.ndarray, group: np.ndarray, count: int, seed: int) -> list[int]:
    """At most `count` rows, at random, each class in its turn, near copies once; sorted.

    Args:
        label: int (n,).
        group: int (n,), the same for near copies.
        count: 0 or more.
        seed: of the choice.
    """
    order = np.random.default_rng(seed).permutation(len(label))
    order = order[np.sort(np.unique(group[order], return_index=True)[1])]
    rank = np.zeros(len(order), int)
    for value in np.unique(label[order]):
        own = label[order] == value
        rank[own] = np.arange(own.sum())
    return sorted(order[np.lexsort((label[order], rank))[:count]].tolist())


def turns(heat: np.ndarray, chance: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """In which of STEPS steps each pixel has its turn: uint8 (height, width), hottest in step 0.

    Args:
        heat: float (h, w).
        chance: float (h, w), of another grid or the same: decides between equally hot pixels.
        size: (height, width) in px.
    """
    hot, other = enlarge(heat, size).ravel(), enlarge(chance, size).ravel()
    order = np.lexsort((-other, -hot))
    found = np.empty(len(order), np.uint8)
    found[order] = np.arange(len(order)) * STEPS // len(order)
    return found.reshape(size)


def canvases(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The image's mean colour all over, and the image blurred: uint8 (height, width, 3)."""
    mean = np.rint(pixels.mean(axis=(0, 1))).astype(np.uint8)
    sigma = BLUR * min(pixels.shape[:2])
    soft = ndimage.gaussian_filter(pixels.astype(np.float32), (sigma, sigma, 0), mode="nearest")
    return np.broadcast_to(mean, pixels.shape), np.rint(soft).astype(np.uint8)


def measure(
    model: keras.Model,
    explainer: Explainer,
    rows: Sequence[int],
    classes: np.ndarray,
    batch_size: int,
    seed: int,
) -> dict[str, np.ndarray]:
    """Deletion and insertion curves of images, by each of the explainer's methods.

    Args:
        model: pixels to probabilities.
        explainer: of the split.
        rows: of the split.
        classes: int (len(rows),), the class that is explained.
        batch_size: images per step.
        seed: of the random maps, together with the row.

    Returns:
        Method to float64 (2, len(rows), STEPS + 1), deletion and insertion; beside the methods
        RANDOM and CENTRE. Entry s is the probability once s steps are done.
    """
    forward = _forward(model)
    found: dict[str, list] = {}
    with cli.progress(None, "deleting and inserting", len(rows)) as bar:
        for some, pixels in explainer.images(rows):
            own = classes[bar.n : bar.n + len(some)]
            heats = explainer.heats(pixels, own)
            first = next(iter(heats.values()))
            grid = first.shape[1:]
            random = [random_map(np.random.default_rng([seed, row]), grid) for row in some]
            heats |= {RANDOM: np.stack(random), CENTRE: np.stack([centre_blob(grid)] * len(some))}
            for index in range(len(some)):
                maps = {name: heat[index] for name, heat in heats.items()}
                curves = _curves(forward, pixels[index], maps, own[index], batch_size)
                for name, pair in curves.items():
                    found.setdefault(name, []).append(pair)
                bar.update()
    return {name: np.stack(pairs, axis=1) for name, pairs in found.items()}


def _curves(forward, pixels, maps, label, batch_size) -> dict[str, np.ndarray]:
    """Both curves of one image by each map, float64 (2, STEPS + 1)."""
    size = pixels.shape[:2]
    mean, soft = canvases(pixels)
    steps = range(1, STEPS)
    # The ends are the same whatever the map: asked once.
    jobs = [(pixels, pixels, np.zeros(size, np.uint8), 0)]
    jobs += [(canvas, canvas, np.zeros(size, np.uint8), 0) for canvas in (mean, soft)]
    for heat in maps.values():
        turn = turns(heat, maps[RANDOM], size)
        jobs += [(pixels, mean, turn, step) for step in steps]
        jobs += [(soft, pixels, turn, step) for step in steps]
    answers = np.concatenate([forward(*batch, label) for batch in _batches(jobs, batch_size)])
    whole, deleted, blurred = answers[:3].astype(np.float64)
    inner = answers[3:].astype(np.float64).reshape(len(maps), 2, len(steps))
    return {
        name: np.stack([[whole, *parts[0], deleted], [blurred, *parts[1], whole]])
        for name, parts in zip(maps, inner, strict=True)
    }


def _batches(jobs: list[tuple], batch_size: int) -> Iterator[list[np.ndarray]]:
    for start in range(0, len(jobs), batch_size):
        columns = zip(*jobs[start : start + batch_size], strict=True)
        yield [np.stack(column) for column in columns]


def _forward(model: keras.Model):
    """Probability of a class, where pixels whose turn has come are replaced; float32 (n,)."""
    shape = (None, *model.input_shape[1:])
    image = tf.TensorSpec(shape, tf.uint8)
    turn = tf.TensorSpec(shape[:3], tf.uint8)
    number = tf.TensorSpec((None,), tf.int32)

    def probability(before, after, turn, step, label):
        done = tf.cast(turn, tf.int32) < step[:, None, None]
        mixed = tf.where(done[..., None], after, before)
        return model(tf.cast(mixed, tf.float32), training=False)[:, label]

    forward = traced(probability, image, image, turn, number, tf.TensorSpec((), tf.int32))
    return lambda before, after, turn, step, label: forward(
        before, after, turn, step.astype(np.int32), tf.constant(label, tf.int32)
    ).numpy()


def areas(curves: np.ndarray) -> np.ndarray:
    """Area below each curve, over the share of pixels from 0 to 1, by the trapezoidal rule.

    Args:
        curves: float (..., STEPS + 1).
    """
    return np.trapezoid(curves, dx=1 / (curves.shape[-1] - 1), axis=-1)


def judge(curves: dict[str, np.ndarray], seed: int) -> dict[str, dict]:
    """Areas of each map, and whether it does better than the random one.

    An image's gain is the mean of what deletion's area is smaller, and insertion's is larger,
    than the random map's of the same image.

    Args:
        curves: from `measure`, of at least one image.
        seed: of the test, where the images are too many for all of its 2^n sign flips.

    Returns:
        Map to deletion_auc and insertion_auc, means over images; and, but for RANDOM, gain,
        gain_low and gain_high (mean, 95 % interval by Student's t), p_value (of gains being
        symmetric about 0, against a larger mean, by flipping their signs) and beats_random:
        p_value is below BAR, which takes six images at least. One has no interval: None. And
        of all but CENTRE beats_centre, the same against the centre blob.
    """
    area = {name: areas(pair) for name, pair in curves.items()}
    # Both areas in one: the larger, the better.
    score = {name: (insertion - deletion) / 2 for name, (deletion, insertion) in area.items()}
    found = {}
    for name, (deletion, insertion) in area.items():
        found[name] = {
            "deletion_auc": float(deletion.mean()),
            "insertion_auc": float(insertion.mean()),
        }
        if name != RANDOM:
            found[name] |= compare(score[name] - score[RANDOM], seed)
        if name not in (RANDOM, CENTRE):
            lead = compare(score[name] - score[CENTRE], seed)
            found[name]["beats_centre"] = lead["beats_random"]
    return found


def compare(gain: np.ndarray, seed: int) -> dict:
    """The part of `judge` that compares: float (n,) to gain, interval, p-value and verdict."""
    n, mean = len(gain), float(gain.mean())
    half = stats.t.ppf(0.975, n - 1) * gain.std(ddof=1) / n**0.5 if n > 1 else None
    p_value = 1.0 if mean <= 0 else 0.5
    if n > 1 and gain.any():
        p_value = stats.permutation_test(
            (gain,),
            np.mean,
            permutation_type="samples",
            alternative="greater",
            n_resamples=RESAMPLES,
            vectorized=True,
            rng=np.random.default_rng(seed),
        ).pvalue
    return {
        "gain": mean,
        "gain_low": None if half is None else mean - float(half),
        "gain_high": None if half is None else mean + float(half),
        "p_value": float(p_value),
        "beats_random": bool(p_value < BAR),
    }
