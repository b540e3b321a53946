"""Downloads from Google Drive that always end, either with the whole file or with none.

gdown runs in a child process (gdown_process.py) that can be killed and writes to a temporary
folder; its result is checked before it is moved to its place.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from common.errors import StageError
from common.files import atomic_file, atomic_folder, sha256_of
from stages.download.drive import gdown_process
from stages.download.drive.errors import unwritable
from stages.download.drive.link import Link, parse_link

TIMEOUT = 30.0  # seconds to connect, and between two packets
DEADLINE = 6 * 3600.0  # seconds for everything: 50 GB at 2.5 MB/s
ATTEMPTS = 5
BACKOFF = 1.0  # seconds before the second attempt, doubled before each further one


def fetch_shared(
    gdrive_id: str,
    folder: Path,
    sha256: str | None,
    *,
    timeout: float = TIMEOUT,
    deadline: float = DEADLINE,
    attempts: int = ATTEMPTS,
    backoff: float = BACKOFF,
) -> Path:
    """Downloads one archive, or one folder, that is shared with "Anyone with the link".

    Args:
        gdrive_id: the id of a file, the link of a file as Drive's "Copy link" gives it, or the
            link of a folder. (A bare id is taken for a file's: the two look alike.)
        folder: where the result goes; made if missing.
        sha256: expected hex digest of the file, or None; not possible for a folder.
        timeout: seconds to wait for a connection and between two packets.
        deadline: seconds after which everything is given up.
        attempts: how often to try while the server is busy or the connection breaks.
        backoff: seconds before the second attempt; doubled before each further one.

    Returns:
        The archive, or the folder, below `folder`, under the name that it has in Drive. An
        earlier file or folder of that name is replaced.

    Raises:
        StageError: with the cause and its remedy. Nothing new is then left in `folder`.
    """
    link = parse_link(gdrive_id)
    expected = _parse_sha256(sha256, link)
    request = {
        "link": asdict(link),
        "timeout": timeout,
        "attempts": attempts,
        "backoff": backoff,
    }
    with _temporary_folder(Path(folder)) as temporary:
        name = _run_gdown(link, request | {"folder": str(temporary.resolve())}, deadline)
        source, target = temporary / name, Path(folder) / name
        if link.kind == "folder":
            with atomic_folder(target) as whole:
                for item in source.iterdir():
                    item.rename(whole / item.name)
        else:
            _require_sha256(source, expected, link)
            with atomic_file(target) as whole:
                os.replace(source, whole)
    return target


def _parse_sha256(sha256: str | None, link: Link) -> str | None:
    if not sha256:
        return None
    if link.kind == "folder":
        raise StageError(
            f"Expected no sha256 for {link}: only one file has one. Received: {sha256!r}. Leave "
            "it out, or pack the folder as one archive."
        )
    if not re.fullmatch(r"[0-9a-fA-F]{64}", sha256.strip()):
        raise StageError(
            f"Expected a sha256 of 64 hex digits for {link}. Received: {sha256!r}. "
            "`sha256sum FILE` prints it; or leave it out."
        )
    return sha256.strip().lower()


def _require_sha256(path: Path, expected: str | None, link: Link) -> None:
    received = sha256_of(path) if expected else None
    if received != expected:
        raise StageError(
            f"{link} ({path.name}) is not the file that was asked for. Expected sha256 "
            f"{expected}. Received sha256 {received}. If the file was changed on purpose, put "
            "the received value into the parameters; else ask its owner."
        )


@contextlib.contextmanager
def _temporary_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder in `folder`; on an error nothing stays, `folder` only if it was there."""
    existed = folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=folder) as temporary:
            yield Path(temporary)
    except OSError as error:
        raise StageError(unwritable(folder, error)) from error
    finally:
        if not existed:
            with contextlib.suppress(OSError):
                folder.rmdir()  # succeeds only when empty, that is, after a failure


def _run_gdown(link: Link, request: dict, deadline: float) -> str:
    """Runs `gdown_process.serve` as a process; returns the name that it wrote in the folder."""
    root = str(Path(__file__).resolve().parents[3])
    paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    child = subprocess.Popen(
        [sys.executable, "-m", gdown_process.__name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": paths},
        encoding="utf-8",
        start_new_session=True,  # Ctrl-C reaches the parent alone, which ends the child
    )
    end = time.monotonic() + deadline
    watch = threading.Timer(deadline, child.kill)
    watch.daemon = True
    try:
        watch.start()
        # stdin stays open: when the parent dies the pipe closes, and the child tidies and ends.
        with contextlib.suppress(BrokenPipeError):
            child.stdin.write(json.dumps(request) + "\n")
            child.stdin.flush()
        answer = child.stdout.readline()
    finally:
        watch.cancel()
        child.kill()
        child.wait()
        child.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            child.stdin.close()
    if not answer and time.monotonic() >= end:
        raise StageError(
            f"{link}: not finished within {deadline:g} s, the deadline. Expected the whole "
            "download in that time. Try again on a faster or less busy line, or raise the deadline."
        )
    if not answer:
        raise RuntimeError(f"the download process ended without an answer ({child.returncode})")
    answer = json.loads(answer)
    if "error" in answer:
        raise StageError(answer["error"])
    return answer["name"]
