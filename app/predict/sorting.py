"""Copies images into a folder for each class, for `app.predict --sort-into`."""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.predict.inputs import Found, Tree, matches
from app.predict.output_names import copy_names, folder_names
from app.predict.writers import writing
from common import cli
from common.errors import StageError
from common.files import umask

if TYPE_CHECKING:  # else it would bring TensorFlow
    from app.predictor import Prediction

UNSURE = "unsure"  # folder of what the model abstains from


class Sorter:
    """Folders of the classes, and of what is unsure.

    Attributes:
        copied: number of images written.
        present: number of images that stood there already, with the same bytes.
    """

    def __init__(self, folder: Path, class_names: Sequence[str], given: Iterable[str | Tree]):
        """Chooses the folders' names.

        Raises:
            StageError: one of them is among the folders that images are read from.
        """
        *named, unsure = folder_names([*class_names, UNSURE])
        self._folders = {name: folder / safe for name, safe in zip(class_names, named, strict=True)}
        for name, path in self._folders.items():
            if path.name != name:
                cli.warn("predict", f"pictures of class {name!r} go into {path}")
        if unsure != UNSURE:
            cli.warn("predict", f"a class is called {UNSURE}: unsure pictures go into {unsure}")
        self._folders[None] = folder / unsure
        for target in self._folders.values():
            refuse_overlap("--sort-into", target, given)
        self.copied = self.present = 0

    def take(self, item: Found, answer: "Prediction") -> None:
        """Copies one image, byte for byte; never over another file.

        Raises:
            StageError: it cannot be written.
            OSError: it cannot be read.
        """
        data, folder = item.read(), self._folders[answer.decision]
        checksum = hashlib.sha256(data).hexdigest()
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            for name in copy_names(Path(item.place).name, checksum):
                if _write_new(folder / name, data):
                    self.copied += 1
                    return
                if _holds(folder / name, data):
                    self.present += 1
                    return
        raise StageError(
            f"Expected {folder / name} to hold the picture that its name says. Received: other "
            "bytes. Move it away."
        )


def refuse_overlap(
    flag: str, folder: Path, given: Iterable[str | Tree], around: bool = True
) -> None:
    """Makes sure that nothing written is read in turn.

    Args:
        flag: for the message.
        folder: to write to.
        given: what to read from.
        around: refuses also a folder to write to that has one to read from in it.

    Raises:
        StageError: one folder is in the other.
    """
    target = Path(os.path.realpath(folder))
    for tree in given:
        if not isinstance(tree, Tree):
            continue
        root = Path(tree.root)
        inside = target.is_relative_to(root) and matches(
            tree.pattern, target.relative_to(root).parts, partly=True
        )
        if inside or (around and root.is_relative_to(target)):
            read = Path(tree.given, *tree.pattern)
            raise StageError(
                f"Expected {flag} to write outside of the folders that are read. Received: "
                f"{folder} to write to, and {read} to read. Choose another folder."
            )


def _write_new(path: Path, data: bytes) -> bool:
    """Writes a file whole; False, and nothing is changed, where there is one of that name."""
    if os.path.lexists(path):
        return False
    # A name that is surely short enough; a dot, so that nobody takes it for an image.
    handle, temporary = tempfile.mkstemp(prefix=".copying-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        os.chmod(temporary, 0o666 & ~umask())
        try:
            os.link(temporary, path)  # fails where the name was taken meanwhile; rename does not
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
