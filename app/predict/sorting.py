"""Sorter of `app.predict --sort-into`: copies images into one folder per class."""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.predict.inputs import ImageInput, Tree, matches
from app.predict.output_names import copy_names, folder_names
from app.predict.writers import writing
from common import cli
from common.errors import StageError
from common.files import umask

if TYPE_CHECKING:  # imports TensorFlow
    from app.predictor import Prediction

UNSURE = "unsure"  # folder of the images for which the model abstains


class Sorter:
    """Folders of the classes, and one for images for which the model abstains.

    Attributes:
        copied: number of copied images.
        present: number of images that were there already, with the same bytes.
    """

    def __init__(self, folder: Path, class_names: Sequence[str], inputs: Iterable[str | Tree]):
        """Chooses the folders' names.

        Args:
            folder: in which the folders of the classes are made.
            class_names: of the model.
            inputs: from `parse_inputs`.

        Raises:
            StageError: one of the folders is among those that images are read from.
        """
        *safe_names, unsure = folder_names([*class_names, UNSURE])
        self._folders = {
            name: folder / safe for name, safe in zip(class_names, safe_names, strict=True)
        }
        for name, path in self._folders.items():
            if path.name != name:
                cli.warn("predict", f"images of class {name!r} go into {path}")
        if unsure != UNSURE:
            cli.warn("predict", f"a class is called {UNSURE}: unsure images go into {unsure}")
        self._folders[None] = folder / unsure
        for target in self._folders.values():
            refuse_overlap("--sort-into", target, inputs)
        self.copied = self.present = 0

    def write(self, item: ImageInput, prediction: "Prediction") -> None:
        """Copies one image byte for byte; never overwrites another file.

        Raises:
            StageError: the copy cannot be written.
            OSError: the image cannot be read.
        """
        data, folder = item.read(), self._folders[prediction.decision]
        checksum = hashlib.sha256(data).hexdigest()
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            for name in copy_names(Path(item.location).name, checksum):
                if _write_new(folder / name, data):
                    self.copied += 1
                    return
                if _holds(folder / name, data):
                    self.present += 1
                    return
        raise StageError(
            f"Expected {folder / name} to hold the image with the checksum in its name. Received: "
            "other bytes. Move it away."
        )


def refuse_overlap(
    flag: str, folder: Path, inputs: Iterable[str | Tree], around: bool = True
) -> None:
    """Checks that no written file would be read as an input.

    Args:
        flag: for the message.
        folder: to write to.
        inputs: from `parse_inputs`.
        around: whether to refuse an output folder that contains an input folder, too.

    Raises:
        StageError: one folder is in the other.
    """
    target = Path(os.path.realpath(folder))
    for tree in inputs:
        if not isinstance(tree, Tree):
            continue
        root = Path(tree.root)
        inside = target.is_relative_to(root) and matches(
            tree.pattern, target.relative_to(root).parts, partly=True
        )
        if inside or (around and root.is_relative_to(target)):
            source = Path(tree.given, *tree.pattern)
            raise StageError(
                f"Expected {flag} to write outside of the folders that are read. Received: "
                f"{folder} to write to, and {source} to read. Choose another folder."
            )


def _write_new(path: Path, data: bytes) -> bool:
    """Writes a whole file; returns False, and changes nothing, if the path exists."""
    if os.path.lexists(path):
        return False
    # A name that is short enough on all file systems, hidden, so that it is not read as an image.
    handle, temporary = tempfile.mkstemp(prefix=".copying-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        os.chmod(temporary, 0o666 & ~umask())
        try:
            os.link(temporary, path)  # fails if the path exists by now; rename would overwrite
        except FileExistsError:
            return False
        except OSError:  # a file system without links
            if os.path.lexists(path):
                return False
            os.replace(temporary, path)
        return True
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()


def _holds(path: Path, data: bytes) -> bool:
    return path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data
