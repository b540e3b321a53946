"""Plot of augmented training images: the plain ones above their views and mixtures."""

from pathlib import Path

import numpy as np

from common.images import decode_png
from common.plots import style
from common.schema import Augment
from common.tables.dataset import Dataset
from networks.augment import Augmenter, chosen_steps
from networks.mixing import build_mixer
from stages.inspect.image_grid import image_grid

SHOWN_IMAGES = 6  # columns
SHOWN_VIEWS = 6  # rows, at most, without those of mixup and cutmix
NAME = 13  # characters of a class's name in the shares of a mixture


def draw_views(
    path: Path, train: Dataset, augment: Augment, trainable: str | int, seed: int
) -> None:
    """Draws a few training images, plain and as they are augmented, and mixtures of them.

    Args:
        path: the PNG.
        train: the images; the drawn ones lie evenly over its rows.
        augment: the section of params.yaml.
        trainable: model.trainable. A backbone that is tuned sees a new view at each step, of
            which the first are shown; a frozen one its cached views.
        seed: as of the training.
    """
    rows = np.linspace(0, train.n - 1, min(SHOWN_IMAGES, train.n)).astype(int)
    encoded = train.png_at(rows)
    pixels = np.stack([decode_png(encoded[row]) for row in rows])
    of_rows = [train.image_id[rows], train.label[rows], train.class_names]
    title, images, captions = samples(pixels, *of_rows, augment, trainable != "none", seed)
    image_grid(path, title, images, captions, columns=len(rows))


def samples(
    pixels: np.ndarray,
    image_id: np.ndarray,
    label: np.ndarray,
    class_names: list[str],
    augment: Augment,
    tuned: bool,
    seed: int,
) -> tuple[str, list[np.ndarray], list[str]]:
    """The content of `draw_views`.

    Args:
        pixels: uint8 (n, height, width, 3).
        image_id: str (n,).
        label: int (n,).
        class_names: of the labels.
        augment: the section of params.yaml.
        tuned: whether the backbone is.
        seed: of the augmenter.

    Returns:
        The title, and uint8 images and their captions, row by row of n.
    """
    changed = bool(chosen_steps(augment))
    augmenter = Augmenter(augment, seed)

    def view(number: int) -> np.ndarray:
        pairs = zip(pixels, image_id, strict=True)
        return np.stack([augmenter.view(image, name, number) for image, name in pairs])

    views, captions = [pixels], ["plain"] * len(pixels)
    for number in range(1, SHOWN_VIEWS if tuned else min(SHOWN_VIEWS, augment.views)):
        if changed or not tuned:
            views.append(view(number))
            captions += [f"{'draw' if tuned else 'view'} {number}"] * len(pixels)
    one_hot = np.eye(len(class_names), dtype=np.float32)[label]
    for kind in ("mixup", "cutmix"):
        others = {"mixup": 0.0, "cutmix": 0.0} | {kind: getattr(augment, kind)}
        mixer = build_mixer(augment.model_copy(update=others), seed)
        if mixer is not None:
            mixed, shares = mixer(view(1).astype(np.float32), one_hot)
            views.append(np.asarray(mixed))
            captions += [f"{kind}: {shares_text(row, class_names)}" for row in np.asarray(shares)]
    images = [np.clip(image, 0, 255).astype(np.uint8) for view in views for image in view]
    return _title(augment, tuned, changed), images, captions


def shares_text(shares: np.ndarray, class_names: list[str]) -> str:
    """The classes of a mixture, the larger share first: "0.7 cat + 0.3 dog", on two lines.

    Args:
        shares: float (n_classes,), adding up to 1; what rounds to 0.00 is left out.
        class_names: of the classes.
    """
    order = np.argsort(-shares, kind="stable")
    parts = [
        f"{shares[index].round(2):g} {style.shorten(class_names[index], NAME)}"
        for index in order
        if shares[index] >= 0.005
    ]
    return "\n+ ".join(parts)


def _title(augment: Augment, tuned: bool, changed: bool) -> str:
    if not tuned:
        return f"Views of training pictures: {augment.views} each"
    if changed:
        return "Training pictures: each step draws new ones, such as these"
    if augment.mixup or augment.cutmix:
        return "Training pictures: each step mixes new ones, such as these"
    return "Training pictures: shown as they are, no augmentation is set"
