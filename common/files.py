"""Files and folders that are either whole or absent, written beside and renamed; hashes; JSON."""

import contextlib
import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`; renamed onto it on success, removed on error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix is kept at the end, for writers that choose the format by it.
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        os.chmod(temporary, 0o666 & ~umask())  # mkstemp makes files that only the owner reads
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yields an empty temporary folder beside `path`; replaces it on success, else is removed.

    What stood at `path` before is kept until the new folder is complete.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        yield temporary
        os.chmod(temporary, 0o777 & ~umask())
        if path.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{path.name}-old-", dir=path.parent))
            os.replace(path, old / path.name)
            os.replace(temporary, path)
            shutil.rmtree(old)
        else:
            os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def as_text(path: str) -> str:
    """The path without lone surrogates, which no table, JSON or CSV file can hold.

    Python stands them in for bytes of a file name that are not UTF-8; here those bytes are read
    as code page 437, as zip files do, which has a character for each of them.
    """
    try:
        path.encode()
    except UnicodeEncodeError:
        return path.encode("utf-8", "surrogateescape").decode("cp437")
    return path


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file's bytes, read in chunks."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_json(path: Path, content: dict | list) -> None:
    """Writes sorted, indented JSON; numbers must be finite or None."""
    _require_finite(content, "")
    with atomic_file(path) as temporary:
        text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> dict | list:
    """Reads a JSON file written by `write_json`."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def _require_finite(value, name: str) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _require_finite(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"Expected a finite number or None for {name}. Received: {value}")


def umask() -> int:
    """The process's file mode creation mask."""
    current = os.umask(0)
    os.umask(current)
    return current
