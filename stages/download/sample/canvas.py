"""Drawing on images in fractions of their width and height, for the built-in sample."""

import math
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Area = tuple[float, float, float, float]  # left, top, right, bottom, as fractions
Shoot = Callable[[int, int], Image.Image]  # (width, height) -> an RGB photograph of that size

WHITE, BLACK = (255, 255, 255), (24, 24, 28)


def ink_on(colour: Colour) -> Colour:
    """Black or white, whichever can be read on `colour`."""
    red, green, blue = colour
    return BLACK if 0.3 * red + 0.59 * green + 0.11 * blue > 140 else WHITE


class Canvas:
    """An RGB image that is drawn on in fractions of its width and height."""

    def __init__(self, image: Image.Image):
        self.image = image

    @classmethod
    def plain(cls, size: tuple[int, int], colour: Colour) -> "Canvas":
        """A canvas of one colour."""
        return cls(Image.new("RGB", size, colour))

    def pixels(self, area: Area) -> tuple[int, int, int, int]:
        """The area in pixels, at least one pixel wide and high."""
        width, height = self.image.size
        left, top = round(area[0] * width), round(area[1] * height)
        return (
            left, top, max(left + 1, round(area[2] * width)), max(top + 1, round(area[3] * height)),
        )  # fmt: skip

    def mean(self, area: Area) -> Colour:
        """The mean colour of what stands there."""
        return self.image.resize((1, 1), Image.Resampling.BOX, self.pixels(area)).getpixel((0, 0))

    def photo(self, area: Area, shoot: Shoot, radius: float = 0.0) -> None:
        """Puts a photograph there; `radius` 0.5 makes an ellipse."""
        left, top, right, bottom = self.pixels(area)
        image = shoot(right - left, bottom - top)
        self.image.paste(image, (left, top), _rounded(image.size, radius))

    def fill(self, area: Area, colour: Colour, radius: float = 0.0, opacity: float = 1.0) -> None:
        """Fills a rectangle; `radius` is the corners' share of its shorter side, 0 to 0.5."""
        left, top, right, bottom = self.pixels(area)
        mask = _rounded((right - left, bottom - top), radius)
        self.image.paste(colour, (left, top), mask.point(lambda level: round(level * opacity)))

    def polygon(self, area: Area, points: list[tuple[float, float]], colour: Colour) -> None:
        """Fills a polygon whose points are fractions of `area`, with smooth edges."""
        left, top, right, bottom = self.pixels(area)
        width, height = 4 * (right - left), 4 * (bottom - top)
        mask = Image.new("L", (width, height))
        ImageDraw.Draw(mask).polygon([(x * width, y * height) for x, y in points], fill=255)
        self.image.paste(colour, (left, top), mask.reduce(4))

    def fade(self, colour: Colour, side: str, reach: float = 0.75, opacity: float = 0.95) -> None:
        """Lays `colour` over the image, dense at `side` and gone after `reach` of the way."""
        width, height = self.image.size
        across = side in ("left", "right")
        way = np.linspace(0, 1, width if across else height)
        way = way if side in ("left", "top") else way[::-1]
        density = np.clip(1 - way / reach, 0, 1) ** 0.7 * 255 * opacity
        mask = np.broadcast_to(density if across else density[:, None], (height, width))
        self.image.paste(colour, (0, 0), Image.fromarray(mask.astype(np.uint8)))

    def write(
        self, area: Area, text: str, colour: Colour, face: str = "DejaVuSans", align: str = "left",
        shadow: bool = False,
    ) -> None:  # fmt: skip
        """Writes text as large as fits the area, wrapped as suits best, centred vertically.

        Args:
            area: where.
            text: what.
            colour: ink.
            face: a font file of matplotlib, without its suffix.
            align: left, center or right.
            shadow: whether to put a dark copy one pixel below, for text on photographs.
        """
        left, top, right, bottom = self.pixels(area)
        size, lines = _fit(text, face, right - left, bottom - top)
        size = max(7, size)  # smaller letters are no letters
        x = {"left": left, "center": (left + right) / 2, "right": right}[align]
        anchor = {"left": "lm", "center": "mm", "right": "rm"}[align]
        pen = ImageDraw.Draw(self.image)
        for offset, ink in ((1, BLACK), (0, colour)) if shadow else ((0, colour),):
            for row, line in enumerate(lines):
                y = (top + bottom) / 2 + (row - (len(lines) - 1) / 2) * size * 1.15
                pen.text((x + offset, y + offset), line, ink, typeface(face, size), anchor)

    def frame(self, colour: Colour, inset: float, width: int) -> None:
        """Draws a rectangle `inset` of the shorter side away from the border."""
        right, bottom = (length - 1 for length in self.image.size)
        gap = round(inset * min(self.image.size))
        box = (gap, gap, right - gap, bottom - gap)
        ImageDraw.Draw(self.image).rectangle(box, outline=colour, width=width)

    def square(self, x: float, y: float, side: float) -> Area:
        """The area of a square around (x, y) whose side is a fraction of the shorter side."""
        width, height = self.image.size
        half = side * min(width, height) / 2
        return x - half / width, y - half / height, x + half / width, y + half / height

    def button(self, area: Area, text: str, colour: Colour, radius: float = 0.3) -> None:
        """A call to action: a rounded rectangle with its label."""
        left, top, right, bottom = area
        dx, dy = 0.08 * (right - left), 0.2 * (bottom - top)
        self.fill(area, colour, radius)
        inner = (left + dx, top + dy, right - dx, bottom - dy)
        self.write(inner, text, ink_on(colour), "DejaVuSans-Bold", "center")

    def burst(self, x: float, y: float, side: float, text: str, colour: Colour) -> None:
        """A many-pointed star with a short text, as on price labels."""
        self.polygon(self.square(x, y, side), star(14, 0.82), colour)
        inner = self.square(x, y, side * 0.58)
        self.write(inner, text, ink_on(colour), "DejaVuSans-Bold", "center")


def star(points: int, inner: float) -> list[tuple[float, float]]:
    """A star's corners in the unit square; `inner` is the notches' share of the radius."""
    turns = (math.pi * (step / points - 0.5) for step in range(2 * points))
    radii = (0.5, 0.5 * inner) * points
    return [
        (0.5 + radius * math.cos(turn), 0.5 + radius * math.sin(turn))
        for turn, radius in zip(turns, radii, strict=True)
    ]


@lru_cache(maxsize=512)
def typeface(name: str, size: int) -> ImageFont.FreeTypeFont:
    """A font that matplotlib ships, `size` pixels high."""
    path = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{name}.ttf")
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


def _rounded(size: tuple[int, int], radius: float) -> Image.Image:
    """A mask of a rectangle with smooth rounded corners; 0.5 on a square gives a disc."""
    if radius == 0:
        return Image.new("L", size, 255)
    mask = Image.new("L", (4 * size[0], 4 * size[1]))
    box = (0, 0, mask.width - 1, mask.height - 1)
    ImageDraw.Draw(mask).rounded_rectangle(box, radius * min(mask.size), fill=255)
    return mask.reduce(4)


def _fit(text: str, face: str, width: int, height: int) -> tuple[int, list[str]]:
    """The largest letter height at which `text` fits, and its lines then."""
    words, best = text.split(), (0.0, [text])
    for count in range(1, min(4, len(words)) + 1):
        lines, target = [words[0]], len(text) / count
        for word in words[1:]:
            if len(lines[-1]) + len(word) / 2 < target or len(lines) == count:
                lines[-1] += f" {word}"
            else:
                lines.append(word)
        longest = max(typeface(face, 100).getlength(line) for line in lines)
        best = max(best, (min(100 * width / longest, height / 1.2 / len(lines)), lines))
    return int(best[0]), best[1]
