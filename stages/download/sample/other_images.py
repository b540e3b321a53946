"""Images of the class `other`: photographs, plain or decorated without advertising anything.

Every decoration takes `(rng, size, shoot)` and returns an RGB image of `size` (width, height), as
the layouts of advertisements.py do.
"""

import numpy as np
from PIL import Image

from stages.download.sample.canvas import BLACK, WHITE, Canvas, Shoot
from stages.download.sample.photographs import ANY, pick, random_size

CAPTIONS = (
    "Market day, early morning", "Fig. 3: view from the south", "Our trip, day two",
    "At the museum", "Photo of the week", "Exhibit 14", "Test site before the launch",
    "Grandma's favourite cup", "Residents welcome the new bridge",
    "Study: cats recognise their names", "Before and after",
)  # fmt: skip
CREDITS = ("© J. Moreau", "Photo: L. Okafor", "Archive", "CC BY 2.0", "M. Ruiz / Agency", "NASA")
MEMES = ("ME ON MONDAY", "ONE DOES NOT SIMPLY", "STILL WAITING", "NOT TODAY", "SUCH VIEW")


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
