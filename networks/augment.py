"""Augmentation of training images: one resampling and one change of colours for each view.

A view is drawn from the seed, the image and the number of the view alone, so that it is the same
in whatever batch, order or thread it is made. By OpenCV on decoded uint8 images, which resamples
on one core twice as fast as TensorFlow's projective transform on two, and without rounding errors
that grow with every step (benchmarks/augment_speed.py).
"""

import hashlib
from typing import NamedTuple

import cv2
import numpy as np

from common.schema import Augment

# What erasing paints: the mean of ImageNet in R, G, B, as in the paper (Zhong et al. 2020, "Random
# erasing data augmentation", algorithm 1), of which the shares and ratios below are, too.
PAINT = (125, 122, 114)
ERASED_AREA = (0.02, 0.4)  # of the image's
ERASED_RATIO = (0.3, 1 / 0.3)  # of height to width
TRIES = 100  # to find a rectangle that fits into the image; the paper has no limit
GEOMETRY = {"flip", "rotation", "shift", "zoom", "shear", "crop"}

cv2.setNumThreads(1)  # images are spread over threads, not their rows


class Draw(NamedTuple):
    """The random numbers of a view, each from 0 to below 1; every view draws all of them."""

    flip: float
    rotation: float
    shift_x: float
    shift_y: float
    zoom: float
    shear: float
    crop_height: float
    crop_width: float
    crop_top: float
    crop_left: float
    brightness: float
    contrast: float
    saturation: float
    hue: float
    erasing: float


def chosen_steps(augment: Augment) -> list[str]:
    """Names of the parameters of `augment` that change single images, where they do."""
    others = ("views", "mixup", "cutmix")
    return [name for name, value in augment.model_dump().items() if value and name not in others]


class Augmenter:
    """Makes the views that the section augment of params.yaml asks for."""

    def __init__(self, augment: Augment, seed: int):
        """Args:
        augment: the section.
        seed: of all views.
        """
        self.augment, self.seed, self._steps = augment, seed, set(chosen_steps(augment))

    def view(self, image: np.ndarray, image_id: str, number: int) -> np.ndarray:
        """A view of an image: uint8 (height, width, 3), RGB, in and out.

        What turns or shifts into it from outside is a mirror image of its edge.

        Args:
            image: the image.
            image_id: its name, from which the view is drawn.
            number: of the view; 0 is the image as it is.
        """
        if number == 0 or not self._steps:
            return image
        digest = hashlib.sha256(f"{self.seed}/{image_id}/{number}".encode()).digest()
        generator = np.random.default_rng(int.from_bytes(digest[:16], "big"))
        draw = Draw(*generator.random(len(Draw._fields)))
        if self._steps & GEOMETRY:
            image = resampled(image, source_of(self.augment, draw, image.shape[:2]))
        if self._steps & {"brightness", "contrast"}:
            image = brightened(
                image,
                255 * self.augment.brightness * _signed(draw.brightness),
                1 + self.augment.contrast * _signed(draw.contrast),
            )
        if self._steps & {"saturation", "hue"}:
            image = coloured(
                image,
                1 + self.augment.saturation * _signed(draw.saturation),
                self.augment.hue * _signed(draw.hue),
            )
        if draw.erasing < self.augment.erasing:
            image = erased(image, generator)
        return image


def source_of(augment: Augment, draw: Draw, size: tuple[int, int]) -> np.ndarray:
    """Where each pixel of a view comes from, as one affine map.

    The view is the image flipped, then turned, shifted, zoomed and sheared about its middle, then
    cut to a window whose corners are centres of pixels.

    Args:
        augment: the section of params.yaml.
        draw: of the view.
        size: (height, width) in px.

    Returns:
        float64 (2, 3): the pixel (x, y) comes from the matrix times (x, y, 1).
    """
    height, width = size
    angle = 2 * np.pi * augment.rotation * _signed(draw.rotation)
    scale = 1 + augment.zoom * _signed(draw.zoom)
    moves = [
        np.diag([-1.0 if augment.flip and draw.flip < 0.5 else 1.0, 1, 1]),
        np.array(
            [
                [np.cos(angle), -np.sin(angle), 0],
                [np.sin(angle), np.cos(angle), 0],
                [0, 0, 1],
            ]
        ),
        _affine(
            x=augment.shift * width * _signed(draw.shift_x),
            y=augment.shift * height * _signed(draw.shift_y),
        ),
        np.diag([scale, scale, 1]),
        np.array([[1, augment.shear * _signed(draw.shear), 0], [0, 1, 0], [0, 0, 1]]),
    ]
    left_out = augment.crop * np.array([draw.crop_width, draw.crop_height])
    corner = left_out * [draw.crop_left * (width - 1), draw.crop_top * (height - 1)]
    window = np.diag([*(1 - left_out), 1])
    window[:2, 2] = corner
    middle = {"x": (width - 1) / 2, "y": (height - 1) / 2}
    centred = _affine(**{axis: -value for axis, value in middle.items()})
    return np.linalg.multi_dot([_affine(**middle), *moves, centred, window])[:2]


def resampled(image: np.ndarray, source: np.ndarray) -> np.ndarray:
    """The image whose pixels come from where `source_of` says, by bilinear interpolation."""
    return cv2.warpAffine(
        image,
        source,
        (image.shape[1], image.shape[0]),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT,
    )


def brightened(image: np.ndarray, added: float, times: float) -> np.ndarray:
    """The image with each channel's distances from its mean multiplied, and levels added."""
    means = np.array(cv2.mean(image)[:3])
    levels = (np.arange(256)[:, None] - means) * times + means + added
    table = np.rint(np.clip(levels, 0, 255)).astype(np.uint8)
    return cv2.LUT(image, table.reshape(1, 256, 3))


def coloured(image: np.ndarray, times: float, turn: float) -> np.ndarray:
    """The image with its saturation multiplied, up to full, and its hue turned.

    Both as in HSV (Smith 1978, "Color gamut transform pairs"), whose value, the brightest channel,
    stays as it is.

    Args:
        image: uint8 (height, width, 3), RGB.
        times: 0 or more, 1 for no change.
        turn: fraction of a full circle.
    """
    hsv = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + 360 * turn) % 360
    hsv[..., 1] = np.minimum(hsv[..., 1] * times, 1)
    return np.rint(255 * cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)).astype(np.uint8)


def erased(image: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The image with a rectangle painted over."""
    height, width = image.shape[:2]
    for _ in range(TRIES):
        area = generator.uniform(*ERASED_AREA) * height * width
        ratio = generator.uniform(*ERASED_RATIO)
        rows, columns = round(np.sqrt(area * ratio)), round(np.sqrt(area / ratio))
        if 0 < rows < height and 0 < columns < width:
            top, left = (
                generator.integers(height - rows + 1),
                generator.integers(width - columns + 1),
            )
            image = image.copy()
            image[top : top + rows, left : left + columns] = PAINT
            break
    return image


def _signed(draw: float) -> float:
    """From -1 to below 1."""
    return 2 * draw - 1


def _affine(x: float, y: float) -> np.ndarray:
    """A shift as a matrix of (x, y, 1)."""
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]])
