"""The process that runs gdown for `fetch_shared`: one request on stdin, one answer on stdout.

gdown 6.5.1 finds the way through Drive's pages, but by itself it waits for ever on a silent
server or a repeated confirmation page, reports success for a cut or an HTML body, and does not
try a 503 again. So its result is checked here, and the process can be killed.
"""

import contextlib
import json
import os
import re
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

import gdown
import requests

from common import cli
from common.errors import StageError
from common.files import umask
from stages.download.archives.unpack import is_archive, is_whole
from stages.download.drive.errors import (
    TemporaryError,
    explain,
    incomplete,
    probe,
    request_error,
    unwritable,
)
from stages.download.drive.link import Link

Result = TypeVar("Result")

MAX_WAIT = 60.0  # seconds before another attempt
# What gdown raises, by accident or on purpose, when an answer is not what it expects.
GDOWN_ERRORS = (
    gdown.DownloadError,
    requests.RequestException,
    AssertionError,
    KeyError,
    TypeError,
    ValueError,
)
HTML = re.compile(rb"\s*(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body)\b", re.I | re.S)


def serve() -> None:
    """Reads one request, downloads, and answers; ends without an answer when its parent does."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # gdown prints file names
    request = json.loads(sys.stdin.readline())

    def answer(content: dict) -> None:
        answers.write(json.dumps(content) + "\n")
        answers.flush()
        os._exit(0)

    link = Link(**request.pop("link"))
    folder = Path(request.pop("folder"))

    def end_with_parent() -> None:
        sys.stdin.read()
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
    downloader = _Downloader(**request, give_up=lambda message: answer({"error": message}))
    try:
        fetch = downloader.folder if link.kind == "folder" else downloader.archive
        name = fetch(link, folder)
    except StageError as error:
        answer({"error": str(error)})
    except OSError as error:
        answer({"error": unwritable(folder.parent, error)})
    answer({"name": name})


@dataclass(frozen=True)
class _Downloader:
    """gdown with retries, checks and explanations; the fields are arguments of `fetch_shared`.

    `give_up(message)` ends the process from a thread, since gdown cannot be interrupted.
    """

    timeout: float
    attempts: int
    backoff: float
    give_up: Callable[[str], None]

    def archive(self, link: Link, folder: Path) -> str:
        """Downloads one file that has to be an archive; returns its name in `folder`."""
        return self._retry(self._archive_once, link, folder)

    def folder(self, link: Link, folder: Path) -> str:
        """Downloads everything below a folder of Drive; returns its name in `folder`."""
        files = self._retry(self._list_once, link, folder)
        name = Path(files[0].local_path).relative_to(folder).parts[0]
        paths = _distinct_paths([file.path for file in files])
        for number, (file, path) in enumerate(zip(files, paths, strict=True), 1):
            target = folder / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            what = f"file {number} of {len(files)}"
            self._retry(self._member_once, Link(file.id, "file", path), folder, target, what)
        return name

    def _retry(self, action: Callable[..., Result], *arguments: object) -> Result:
        for attempt in range(1, self.attempts + 1):
            try:
                return action(*arguments)
            except TemporaryError as error:
                if attempt == self.attempts:
                    raise StageError(f"{error} (Attempts: {attempt}.)") from error
                wait = max(error.wait, self.backoff * 2 ** (attempt - 1))
                time.sleep(min(wait, MAX_WAIT))
        raise AssertionError("Expected at least one attempt.")

    def _archive_once(self, link: Link, folder: Path) -> str:
        with self._downloaded(link, folder, "download") as (path, announced):
            # Without an announced size a cut looks like the end.
            if is_archive(path) and (announced is not None or is_whole(path)):
                name = link.id if path.name.startswith("uc?") else path.name  # no name was sent
                path.rename(folder / name)
                return name
            start = _start_of(path)
            if is_archive(path) or start.startswith(b"PK\x03\x04"):
                raise incomplete(link, "the archive has no end")
            raise StageError(
                f"{link} ({path.name}) is not an archive. Expected a .zip, .tar, .tar.gz, "
                f".tar.bz2 or .tar.xz. Received {_kind_of(start)}. Put the images into one "
                "archive, or give the link of a folder; open the link in a private browser window "
                "to see what others get."
            )

    def _member_once(self, link: Link, folder: Path, target: Path, what: str) -> None:
        with self._downloaded(link, folder, what) as (path, _):
            if HTML.match(_start_of(path)) and target.suffix.casefold() not in (".html", ".htm"):
                raise StageError(
                    f"{link} is not what its name says. Expected the file of the shared folder. "
                    "Received a web page. Open the folder in a private browser window to see what "
                    "others get."
                )
            path.rename(target)

    def _list_once(self, link: Link, folder: Path) -> list:
        """The files below a folder, in the order of their paths."""
        try:
            files = gdown.download_folder(
                id=link.id,
                output=f"{folder}{os.sep}",
                quiet=True,
                use_cookies=False,
                skip_download=True,
                timeout=self.timeout,
            )
        except GDOWN_ERRORS as error:
            raise explain(error, link, self.timeout) from error
        if not files:  # also gdown's answer for a sign-in page
            cause = probe(link, self.timeout)
            raise cause or StageError(
                f"{link} is empty. Expected images or folders of images. Put them there."
            )
        return sorted(files, key=lambda file: (file.path, file.id))

    @contextlib.contextmanager
    def _downloaded(self, link: Link, folder: Path, what: str) -> Iterator[tuple[Path, int | None]]:
        """One download; yields the file, to be moved away, and the size that was announced."""
        announced = None
        started = threading.Event()
        # gdown asks at most once per retry and twice more for a file behind a warning.
        patience = self.timeout * (self.attempts + 3) + 2**self.attempts

        def progress(received: int, total: int | None) -> None:
            nonlocal announced
            started.set()
            announced = bar.total = total
            bar.update(received - bar.n)

        def end_if_not_started() -> None:
            if not started.is_set() and not any(Path(scratch).iterdir()):
                self.give_up(_endless(link, patience))

        watch = threading.Timer(patience, end_if_not_started)
        watch.daemon = True
        with (
            tempfile.TemporaryDirectory(dir=folder) as scratch,
            cli.progress(None, what, unit="B") as bar,
        ):
            bar.unit_scale = True  # kB and MB
            watch.start()
            try:
                path = gdown.download(
                    id=link.id,
                    output=f"{scratch}{os.sep}",
                    quiet=True,
                    use_cookies=False,
                    timeout=self.timeout,
                    # Broken connections go on where they stopped, only if the server vouches
                    # that the file is still the same. (resume=True would trust any old file.)
                    retries=self.attempts - 1,
                    progress=progress,
                )
            except GDOWN_ERRORS as error:
                explained = explain(error, link, self.timeout)
                if _retried_by_gdown(error):
                    explained = StageError(f"{explained} (Attempts: {self.attempts}.)")
                raise explained from error
            finally:
                watch.cancel()
            path = Path(path)
            path.chmod(0o666 & ~umask())  # gdown's temporary files are for the owner alone
            size = path.stat().st_size
            if announced not in (None, size):
                raise incomplete(link, f"received {size} bytes of {announced}")
            yield path, announced


def _endless(link: Link, seconds: float) -> str:
    return (
        f"{link}: Google Drive showed one confirmation page after the other for {seconds:g} s and "
        "never sent the file. Expected the file after one page. Try later, or download it in a "
        "browser and give its path."
    )


def _start_of(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(4096)


def _kind_of(start: bytes) -> str:
    if not start:
        return "an empty file"
    return "a web page" if HTML.match(start) else f"a file that begins with {start[:12]!r}"


def _retried_by_gdown(error: Exception) -> bool:
    """Whether gdown has used up its attempts on this error, so that ours would multiply them."""
    cause = request_error(error)
    at_once = (requests.exceptions.SSLError, requests.exceptions.ProxyError, requests.HTTPError)
    return "incomplete" in str(error) or (cause is not None and not isinstance(cause, at_once))


def _distinct_paths(paths: list[str]) -> list[str]:
    """The paths, with a number where a folder of Drive holds one name twice (which it may)."""
    taken: dict[str, str] = {}  # by what is the same name where case is ignored
    for path in map(PurePosixPath, paths):
        free, number = path, 1
        while str(free).casefold() in taken:
            number += 1
            free = path.with_stem(f"{path.stem} ({number})")
        taken[str(free).casefold()] = str(free)
    return list(taken.values())


if __name__ == "__main__":
    serve()
