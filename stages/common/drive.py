"""Downloads from Google Drive that end, and end either whole or not at all.

gdown 6.5.1 finds the way through Drive's pages, but by itself it waits for ever on a silent
server or a repeated confirmation page, reports success for a cut or an HTML body, does not
try a 503 again, and has one message for a wrong id, a private file and a spent quota. So it
runs in a child process that can be killed, writes to a temporary folder, its result is
checked, and after a failure one more request finds out why.
"""

import contextlib
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

import gdown
import requests
from tqdm import tqdm

from stages.common.archives import is_archive, is_whole
from stages.common.errors import StageError
from stages.common.files import atomic_file, atomic_folder, sha256_of, umask

Result = TypeVar("Result")

TIMEOUT = 30.0  # seconds to connect, and between two packets
DEADLINE = 6 * 3600.0  # seconds for everything: 50 GB at 2.5 MB/s
ATTEMPTS = 5
BACKOFF = 1.0  # seconds before the second attempt, doubled before each further one
MAX_WAIT = 60.0

HOSTS = {"drive.google.com", "docs.google.com", "drive.usercontent.google.com"}
# Drive's ids have 28, 33 or 44 characters today; a bare word is certainly none.
ID = re.compile(r"[A-Za-z0-9_-]{20,128}")
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
QUOTA = re.compile(r"quota exceeded|too many users have viewed or downloaded", re.I)
USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"


@dataclass(frozen=True)
class Link:
    """What the user asked for: a file or a folder of Drive."""

    id: str
    kind: str  # "file" or "folder"
    path: str = ""  # of a file below a shared folder, for messages

    @property
    def probe_url(self) -> str:
        """The page whose status tells why a download failed."""
        page = "uc" if self.kind == "file" else "embeddedfolderview"
        return f"https://drive.google.com/{page}?id={self.id}"

    def __str__(self) -> str:
        return f"Google Drive {self.kind} {self.id}" + (f" ({self.path})" if self.path else "")


class _PassingError(StageError):
    """Worth another attempt, not before `wait` seconds have passed."""

    def __init__(self, message: str, wait: float = 0.0):
        super().__init__(message)
        self.wait = wait


def download(
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
        "id": link.id,
        "kind": link.kind,
        "timeout": timeout,
        "attempts": attempts,
        "backoff": backoff,
    }
    with _temporary_folder(Path(folder)) as temporary:
        name = _run_child(link, request | {"folder": str(temporary.resolve())}, deadline)
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


def parse_link(text: str) -> Link:
    """Reads a bare file id, a file link or a folder link; no network is used.

    Raises:
        StageError: it is none of these.
    """
    text = text.strip()
    if ID.fullmatch(text):
        return Link(text, "file")
    with contextlib.suppress(ValueError):  # brackets that are no address
        if link := _link_in(urllib.parse.urlsplit(text if "://" in text else f"https://{text}")):
            return link
    raise StageError(
        "Expected a Google Drive file id, a file link such as "
        "https://drive.google.com/file/d/ID/view, or a folder link such as "
        f"https://drive.google.com/drive/folders/ID. Received: {text!r}. In Drive, choose "
        'Share > "Copy link" of an archive or a folder, and give the whole link.'
    )


def _link_in(url: urllib.parse.SplitResult) -> Link | None:
    parts = url.path.strip("/").split("/")
    id = urllib.parse.parse_qs(url.query).get("id", [""])[0]
    kind = "folder" if parts[-1] in ("folderview", "embeddedfolderview") else "file"
    if "folders" in parts[:-1]:
        id, kind = parts[parts.index("folders") + 1], "folder"
    elif parts[0] == "file" and "d" in parts[:-1]:
        id = parts[parts.index("d") + 1]
    return Link(id, kind) if url.hostname in HOSTS and ID.fullmatch(id) else None


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
        raise StageError(_unwritable(folder, error)) from error
    finally:
        if not existed:
            with contextlib.suppress(OSError):
                folder.rmdir()  # succeeds only when empty, that is, after a failure


def _run_child(link: Link, request: dict, deadline: float) -> str:
    """Runs `_serve` in a process of its own; returns the name that it wrote in the folder."""
    root = str(Path(__file__).resolve().parents[2])
    paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    child = subprocess.Popen(
        [sys.executable, "-m", "stages.common.drive"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": paths},
        encoding="utf-8",
        start_new_session=True,  # Ctrl-C reaches the parent alone, which ends the child
    )
    try:
        # stdin stays open: when the parent dies the pipe closes, and the child tidies and ends.
        with contextlib.suppress(BrokenPipeError):
            child.stdin.write(json.dumps(request) + "\n")
            child.stdin.flush()
        answer = _read_within(child, deadline)
    except TimeoutError:
        raise StageError(
            f"{link}: not finished within {deadline:g} s, the deadline. Expected the whole "
            "download in that time. Try again on a faster or less busy line, or raise the deadline."
        ) from None
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            child.stdin.close()
    if not answer:
        raise RuntimeError(f"the download process ended without an answer ({child.returncode})")
    answer = json.loads(answer)
    if "error" in answer:
        raise StageError(answer["error"])
    return answer["name"]


def _read_within(child: subprocess.Popen, deadline: float) -> str:
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.append(child.stdout.readline()), daemon=True)
    reader.start()
    reader.join(deadline)
    if reader.is_alive():
        child.kill()  # closes the pipe, which ends the reader
        reader.join()
        raise TimeoutError
    return lines[0]


# From here on: the child process


def _serve() -> None:
    """Reads one request from stdin, downloads, and answers with one line on stdout."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # gdown prints file names
    request = json.loads(sys.stdin.readline())

    def answer(content: dict) -> None:
        answers.write(json.dumps(content) + "\n")
        answers.flush()
        os._exit(0)

    link = Link(request.pop("id"), request.pop("kind"))
    folder = Path(request.pop("folder"))

    def end_with_parent() -> None:
        sys.stdin.read()
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
    fetch = _Fetch(**request, give_up=lambda message: answer({"error": message}))
    try:
        name = (fetch.folder if link.kind == "folder" else fetch.archive)(link, folder)
    except StageError as error:
        answer({"error": str(error)})
    except OSError as error:
        answer({"error": _unwritable(folder.parent, error)})
    answer({"name": name})


@dataclass(frozen=True)
class _Fetch:
    """gdown with retries, checks and explanations; the fields are `download`'s arguments.

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
            except _PassingError as trouble:
                if attempt == self.attempts:
                    raise StageError(f"{trouble} (Attempts: {attempt}.)") from trouble
                wait = max(trouble.wait, self.backoff * 2 ** (attempt - 1))
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
                raise _incomplete(link, "the archive has no end")
            raise StageError(
                f"{link} ({path.name}) is not an archive. Expected a .zip, .tar, .tar.gz, "
                f".tar.bz2 or .tar.xz. Received {_kind_of(start)}. Put the pictures into one "
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
            raise self._explain(error, link) from error
        if not files:  # also gdown's answer for a sign-in page
            trouble = self._probe(link)
            raise trouble or StageError(
                f"{link} is empty. Expected pictures or folders of pictures. Put them there."
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
        with tempfile.TemporaryDirectory(dir=folder) as scratch, _byte_bar(what) as bar:
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
                trouble = self._explain(error, link)
                if _retried_by_gdown(error):
                    trouble = StageError(f"{trouble} (Attempts: {self.attempts}.)")
                raise trouble from error
            finally:
                watch.cancel()
            path = Path(path)
            path.chmod(0o666 & ~umask())  # gdown's temporary files are for the owner alone
            size = path.stat().st_size
            if announced not in (None, size):
                raise _incomplete(link, f"received {size} bytes of {announced}")
            yield path, announced

    def _explain(self, error: Exception, link: Link) -> StageError:
        """The StageError for what gdown raised; a `_PassingError` if another try may help."""
        text = str(error)
        cause = _request_error(error)
        if QUOTA.search(text):
            return _quota(link)
        if isinstance(cause, requests.HTTPError) and cause.response is not None:
            return _from_status(cause.response, "", link) or _unknown(error, link)
        if "byte range" in text:
            return _incomplete(link, "the file changed, or the server cannot go on in the middle")
        if "incomplete" in text or isinstance(cause, requests.exceptions.ChunkedEncodingError):
            detail = text.split("\n")[0].removeprefix("Download is incomplete: ").rstrip(".")
            return _incomplete(link, detail)
        if cause:
            return self._unreachable(cause, link)
        return self._probe(link) or _unknown(error, link)

    def _probe(self, link: Link) -> StageError | None:
        """Asks once more, to learn why; None if nothing is wrong now."""
        try:
            with requests.get(
                link.probe_url,
                headers={"User-Agent": USER_AGENT},
                timeout=self.timeout,
                stream=True,
            ) as response:
                is_page = "Content-Disposition" not in response.headers
                start = next(response.iter_content(1 << 18), b"") if is_page else b""
                return _from_status(response, start.decode("utf-8", "replace"), link)
        except requests.RequestException as error:
            return self._unreachable(error, link)

    def _unreachable(self, error: requests.RequestException, link: Link) -> StageError:
        host = urllib.parse.urlsplit(link.probe_url).hostname
        if isinstance(error, requests.exceptions.ProxyError):
            return _PassingError(
                f"{link}: the proxy in HTTPS_PROXY did not connect to {host}. Expected a working "
                "proxy. Correct the variable, or remove it if no proxy is needed."
            )
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return StageError(
                f"{link}: the certificate of {host} is not trusted. Expected one that is. If your "
                "network has a certificate of its own, put the path of its file into "
                f"REQUESTS_CA_BUNDLE. ({_innermost(error)})"
            )
        if isinstance(error, requests.exceptions.Timeout) or "timed out" in str(error):
            return _PassingError(
                f"{link}: {host} did not answer within {self.timeout:g} s. Expected an answer. "
                "Try later, or raise the timeout; if you are behind a proxy, put its address "
                "into HTTPS_PROXY."
            )
        return _PassingError(
            f"{link}: {host} cannot be reached. Expected a network connection. Check it; if you "
            f"are behind a proxy, put its address into HTTPS_PROXY. ({_innermost(error)})"
        )


def _from_status(response: requests.Response, page: str, link: Link) -> StageError | None:
    """What an answer says about why the file does not come; None if it seems to come."""
    status = response.status_code
    host = urllib.parse.urlsplit(response.url).hostname
    if QUOTA.search(page):
        return _quota(link)
    if status == 404:
        return StageError(
            f"{link} does not exist. Expected the id of a file that is there. Received: 404, not "
            "found. Copy the link anew from Drive"
            + (
                "; if it is a folder, give its whole link, "
                f"https://drive.google.com/drive/folders/{link.id}."
                if link.kind == "file"
                else "."
            )
        )
    if host == "accounts.google.com" or status in (401, 403):
        return StageError(
            f"{link} is private. Expected one that needs no sign-in. Its owner mends that in "
            'Drive: Share > General access > "Anyone with the link", Viewer.'
        )
    if status == 429 or status >= 500:
        wait = response.headers.get("Retry-After", "")
        return _PassingError(
            f"{link}: Google Drive is busy. Expected the file. Received: status {status}. Try "
            "again in some minutes.",
            float(wait) if wait.isdecimal() else 0.0,
        )
    return None


def _unknown(error: Exception, link: Link) -> StageError:
    detail = " ".join(str(error).split())[:200]
    return _PassingError(
        f"{link}: the server's answer was not understood ({type(error).__name__}: {detail}). "
        "Expected the file. Open the link in a private browser window; if it works there, "
        "download it so and give its path."
    )


def _quota(link: Link) -> StageError:
    return StageError(
        f"{link} is over its download quota: too many people fetched it lately. Expected one that "
        "can be downloaded. Wait up to 24 hours, or open it in Drive while signed in, choose "
        '"Make a copy", share the copy with "Anyone with the link" and give the link of the copy.'
    )


def _endless(link: Link, seconds: float) -> str:
    return (
        f"{link}: Google Drive showed one confirmation page after the other for {seconds:g} s and "
        "never sent the file. Expected the file after one page. Try later, or download it in a "
        "browser and give its path."
    )


def _incomplete(link: Link, detail: str) -> _PassingError:
    return _PassingError(
        f"{link} arrived incomplete: {detail}. Expected the whole file. Try again; if it stays "
        "so, the file itself may be damaged: have it uploaded again."
    )


def _unwritable(folder: Path, error: OSError) -> str:
    return (
        f"Could not write to {folder}: {error.strerror or error}. Expected a folder with room, "
        "write permission and a file system that takes the names that Drive gives."
    )


def _start_of(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(4096)


def _kind_of(start: bytes) -> str:
    if not start:
        return "an empty file"
    return "a web page" if HTML.match(start) else f"a file that begins with {start[:12]!r}"


def _request_error(error: BaseException | None) -> requests.RequestException | None:
    """The error of requests that gdown's own error stands for, if there is one."""
    while error is not None and not isinstance(error, requests.RequestException):
        error = error.__cause__
    return error


def _retried_by_gdown(error: Exception) -> bool:
    """Whether gdown has used up its attempts on this error, so that ours would multiply them."""
    cause = _request_error(error)
    at_once = (requests.exceptions.SSLError, requests.exceptions.ProxyError, requests.HTTPError)
    return "incomplete" in str(error) or (cause is not None and not isinstance(cause, at_once))


def _innermost(error: BaseException) -> str:
    """The last link of an exception's chain, which names the actual cause."""
    reason = error
    while (inner := getattr(reason, "reason", None) or reason.__context__) is not None:
        if not isinstance(inner, BaseException):
            break
        reason = inner
    return str(reason)[:200]


def _distinct_paths(paths: list[str]) -> list[str]:
    """The paths, with a number where a folder of Drive holds one name twice (which it may)."""
    taken: set[str] = set()
    result = []
    for path in map(PurePosixPath, paths):
        numbered = (path.with_stem(f"{path.stem} ({n})") for n in itertools.count(2))
        free = next(
            str(name)
            for name in itertools.chain([path], numbered)
            if str(name).casefold() not in taken
        )
        taken.add(free.casefold())
        result.append(free)
    return result


@contextlib.contextmanager
def _byte_bar(what: str) -> Iterator[tqdm]:
    """A bar of bytes on stderr; in logs, at most every ten seconds."""
    interactive = sys.stderr.isatty()
    with tqdm(
        desc=what,
        unit="B",
        unit_scale=True,
        mininterval=0.5 if interactive else 10,
        delay=0 if interactive else 5,
        dynamic_ncols=True,
        leave=False,
    ) as bar:
        yield bar


if __name__ == "__main__":
    _serve()
