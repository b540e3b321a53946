"""Photographs for the built-in sample, and images made of them that advertise nothing."""

from importlib import resources

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from stages.download.sample.canvas import BLACK, WHITE, Canvas, Shoot

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
CAPTIONS = (
    "Market day, early morning", "Fig. 3: view from the south", "Our trip, day two",
    "At the museum", "Photo of the week", "Exhibit 14", "Test site before the launch",
    "Grandma's favourite cup", "Residents welcome the new bridge",
    "Study: cats recognise their names", "Before and after",
)  # fmt: skip
CREDITS = ("© J. Moreau", "Photo: L. Okafor", "Archive", "CC BY 2.0", "M. Ruiz / Agency", "NASA")
MEMES = ("ME ON MONDAY", "ONE DOES NOT SIMPLY", "STILL WAITING", "NOT TODAY", "SUCH VIEW")


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
            if large and any(_overlap(box, old) > MOST_OVERLAP for old in self._taken[number]):
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


def other_image(rng: np.random.Generator, shoot: Shoot) -> Image.Image:
    """A photograph, plain or with what people add to photographs without selling anything."""
    decorate = OTHERS[int(rng.choice(len(OTHERS), p=[share for _, share in OTHERS]))][0]
    return decorate(rng, random_size(rng, (*ANY, 16 / 9, 2 / 3, 2.1, 0.5)), shoot)


def plain(rng, size, shoot):
    """Nothing but the photograph."""
    return shoot(*size)


def dated(rng, size, shoot):
    """A camera's date stamp in the corner."""
    canvas = Canvas(shoot(*size))
    date = f"{rng.integers(1, 29):02d}.{rng.integers(1, 13):02d}.{rng.integers(1995, 2025)}"
    canvas.write((0.6, 0.88, 0.96, 0.96), date, (255, 150, 40), "DejaVuSansMono", "right")
    return canvas.image


def captioned(rng, size, shoot):
    """A caption below or over the photograph."""
    canvas = Canvas(shoot(*size))
    paper = pick(rng, (WHITE, BLACK))
    canvas.fill((0, 0.87, 1, 1), paper, opacity=pick(rng, (0.6, 1.0)))
    ink = BLACK if paper == WHITE else WHITE
    canvas.write((0.03, 0.885, 0.97, 0.985), pick(rng, CAPTIONS), ink, "DejaVuSerif")
    return canvas.image


def credited(rng, size, shoot):
    """A photographer's name or an agency's watermark."""
    canvas = Canvas(shoot(*size))
    x, y = pick(rng, (0.03, 0.6)), pick(rng, (0.03, 0.91))
    area = (x, y, x + 0.36, y + 0.06) if rng.random() < 0.6 else (0.2, 0.42, 0.8, 0.58)
    canvas.write(
        area, pick(rng, CREDITS), (225, 225, 225), pick(rng, ("DejaVuSans", "DejaVuSans-Bold"))
    )
    return canvas.image


def meme(rng, size, shoot):
    """Large white capitals over the photograph."""
    canvas = Canvas(shoot(*size))
    canvas.write(
        (0.06, 0.04, 0.94, 0.18), pick(rng, MEMES), WHITE, "DejaVuSans-Bold", "center", shadow=True
    )
    return canvas.image


def collage(rng, size, shoot):
    """Two or four photographs side by side."""
    canvas = Canvas.plain(size, pick(rng, (WHITE, BLACK)))
    columns, rows = pick(rng, ((2, 1), (1, 2), (2, 2)))
    for cell in range(columns * rows):
        x, y = cell % columns / columns, cell // columns / rows
        canvas.photo((x + 0.01, y + 0.01, x + 1 / columns - 0.01, y + 1 / rows - 0.01), shoot)
    return canvas.image


OTHERS = (  # drawing function, share of the other images
    (plain, 0.60),
    (dated, 0.10),
    (captioned, 0.11),
    (credited, 0.11),
    (meme, 0.04),
    (collage, 0.04),
)


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


def _overlap(one: tuple[int, int, int, int], two: tuple[int, int, int, int]) -> float:
    """Intersection over union of two boxes, 0 to 1."""
    width = min(one[2], two[2]) - max(one[0], two[0])
    height = min(one[3], two[3]) - max(one[1], two[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, two))
    return width * height / (areas - width * height)


def _recolour(rng: np.random.Generator, image: Image.Image) -> Image.Image:
    """Mild changes of brightness, contrast and saturation; every other image is mirrored."""
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = enhance(image).enhance(rng.uniform(0.8, 1.2))
    return ImageOps.mirror(image) if rng.random() < 0.5 else image
