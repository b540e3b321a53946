"""Numbered files: the sample's folder, one subfolder per class, as it is filled."""

import io
from pathlib import Path

from PIL import Image, ImageOps


class NumberedFiles:
    """Files of the two class folders, numbered in the order of writing.

    Attributes:
        counts: number of files in each folder.
    """

    def __init__(self, folder: Path):
        self._folder = Path(folder)
        self.counts = {"advertising": 0, "other": 0}

    def add(self, label: str, suffix: str, data: bytes, name: str | None = None) -> str:
        """Writes `data` under the folder's next number, or under `name`; returns its path."""
        self.counts[label] += 1
        path = f"{label}/{name or f'img_{self.counts[label]:04d}{suffix}'}"
        target = self._folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        return path

    def read(self, path: str) -> bytes:
        """The bytes of a file written before."""
        return (self._folder / path).read_bytes()

    def open(self, path: str) -> Image.Image:
        """An image written before, upright, RGB."""
        return ImageOps.exif_transpose(Image.open(io.BytesIO(self.read(path)))).convert("RGB")
