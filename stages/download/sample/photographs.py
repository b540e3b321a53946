"""Photographs for the built-in sample: crops of those that installed packages carry."""

from importlib import resources

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

SHORTEST, LONGEST = 160, 420  # sides in pixels
ANY = (1.0, 4 / 3, 3 / 2, 3 / 4)  # width over height, what suits everything
MOST_OVERLAP = 0.5  # intersection over union of two crops of one photograph
SMALL_PIECE = 120  # pixels; crops with a shorter side are only parts of a composition
LEAST_CONTRAST = 22.0  # standard deviation of a crop's grey levels, 0 to 255

PHOTOGRAPHS = (  # package, file, relative frequency
    ("sklearn.datasets.images", "china.jpg", 1.0),
    ("sklearn.datasets.images", "flower.jpg", 1.0),
    ("skimage.data", "astronaut.png", 1.0),
    ("skimage.data", "chelsea.png", 1.0),
    ("skimage.data", "coffee.png", 1.0),
    ("skimage.data", "motorcycle_left.png", 1.0),
    ("skimage.data", "rocket.jpg", 1.0),
    ("skimage.data", "retina.jpg", 0.4),
    ("skimage.data", "ihc.png", 0.4),
    ("skimage.data", "camera.png", 0.4),
    ("skimage.data", "coins.png", 0.4),
    ("skimage.data", "page.png", 0.1),
)


def pick(rng: np.random.Generator, choices: tuple):
    """One element of a tuple, each equally likely."""
    return choices[int(rng.integers(len(choices)))]


class Studio:
    """Cuts photographs to size, never twice nearly the same piece of one."""

    def __init__(self, rng: np.random.Generator):
        self._rng = rng
        self._photographs = [_open_photograph(*source[:2]) for source in PHOTOGRAPHS]
        weights = np.array([source[2] for source in PHOTOGRAPHS])
        self._weights = weights / weights.sum()
        self._taken: list[list[tuple[int, int, int, int]]] = [[] for _ in PHOTOGRAPHS]

    def shoot(self, width: int, height: int) -> Image.Image:
        """A crop of some photograph, `(width, height)` RGB, flipped and recoloured a little."""
        rng = self._rng
        for _ in range(1000):
            number = int(rng.choice(len(PHOTOGRAPHS), p=self._weights))
            photograph = self._photographs[number]
            box = _random_box(rng, photograph.size, width / height)
            # A small piece of a composition may show what another image shows.
            large = min(width, height) >= SMALL_PIECE
            if large and any(_overlap(box, taken) > MOST_OVERLAP for taken in self._taken[number]):
                continue
            crop = photograph.resize((width, height), Image.Resampling.LANCZOS, box)
            if np.asarray(crop.convert("L")).std() >= LEAST_CONTRAST:
                if large:
                    self._taken[number].append(box)
                return _recolour(rng, crop)
        raise RuntimeError("Expected room for one more crop. Received: none in 1000 attempts")


def random_size(rng: np.random.Generator, ratios: tuple[float, ...]) -> tuple[int, int]:
    """Width and height in pixels, at one of the ratios of width to height."""
    ratio = pick(rng, ratios)
    extent = max(ratio, 1 / ratio)
    longer = int(rng.integers(round(SHORTEST * extent), LONGEST + 1))
    shorter = round(longer / extent)
    return (longer, shorter) if ratio >= 1 else (shorter, longer)


def _open_photograph(package: str, name: str) -> Image.Image:
    """A photograph that an installed package carries, RGB."""
    with resources.files(package).joinpath(name).open("rb") as stream:
        return Image.open(stream).convert("RGB")


def _random_box(
    rng: np.random.Generator, size: tuple[int, int], ratio: float
) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of a piece with the given ratio of width to height."""
    full = min(size[0], size[1] * ratio)  # width of the largest such piece
    width = full * rng.uniform(0.35, 1.0)
    left, top = rng.uniform(0, size[0] - width), rng.uniform(0, size[1] - width / ratio)
    return round(left), round(top), int(left + width), int(top + width / ratio)


def _overlap(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> float:
    """Intersection over union of two boxes, 0 to 1."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return width * height / (areas - width * height)


def _recolour(rng: np.random.Generator, image: Image.Image) -> Image.Image:
    """Mild changes of brightness, contrast and saturation; every other image is mirrored."""
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = enhance(image).enhance(rng.uniform(0.8, 1.2))
    return ImageOps.mirror(image) if rng.random() < 0.5 else image
