"""Planted copies: kinds of near copies, made of the images of any folder."""

import io
from pathlib import Path

from PIL import Image, ImageDraw, ImageEnhance, ImageOps


def half_size(image: Image.Image) -> Image.Image:
    """Half the width and height."""
    return image.resize((max(1, image.width // 2), max(1, image.height // 2)))


def crop(image: Image.Image) -> Image.Image:
    """Without 5 % of the width on the left and right and of the height above and below."""
    across, down = round(image.width * 0.05), round(image.height * 0.05)
    return image.crop((across, down, image.width - across, image.height - down))


def brighter(image: Image.Image) -> Image.Image:
    """20 % brighter, bright parts clipped."""
    return ImageEnhance.Brightness(image).enhance(1.2)


def stamp(image: Image.Image) -> Image.Image:
    """With white text, edged in black, in the lower left."""
    stamped = image.copy()
    ImageDraw.Draw(stamped).text(
        (image.width * 0.05, image.height * 0.85),
        "shop-24.example",
        fill="white",
        stroke_fill="black",
        stroke_width=1,
        font_size=max(8, image.width // 12),
    )
    return stamped


# How each kind changes the image, and the JPEG quality that it is saved with.
KINDS = {
    "exact": (None, None),
    "quality 50": (lambda image: image, 50),
    "half size": (half_size, 90),
    "crop 5 %": (crop, 90),
    "mirror": (ImageOps.mirror, 90),
    "brighter": (brighter, 90),
    "stamp": (stamp, 90),
}


def plant(content: bytes, kind: str) -> bytes:
    """A copy, as the bytes of a file, of the image whose file has the bytes `content`."""
    change, quality = KINDS[kind]
    if change is None:
        return content
    buffer = io.BytesIO()
    change(decode(content)).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def decode(content: bytes) -> Image.Image:
    """RGB image, upright."""
    with Image.open(io.BytesIO(content)) as image:
        return ImageOps.exif_transpose(image).convert("RGB")


def read_folder(folder: Path) -> dict[str, bytes]:
    """Bytes of each image by its path; files that are not whole images are left out."""
    contents = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        try:
            decode(content)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            continue
        contents[path.relative_to(folder).as_posix()] = content
    return contents
