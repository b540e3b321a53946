"""Errors of Google Drive in words for the user: the cause of each and its remedy.

gdown has one message for a wrong id, a private file and a spent quota, so after a failure one
more request finds out.
"""

import re
import urllib.parse
from pathlib import Path

import requests

from common.errors import StageError
from stages.download.drive.link import Link

QUOTA = re.compile(r"quota exceeded|too many users have viewed or downloaded", re.I)
USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"


class TemporaryError(StageError):
    """An error that another attempt may overcome.

    Attributes:
        wait: seconds that have to pass before it.
    """

    def __init__(self, message: str, wait: float = 0.0):
        super().__init__(message)
        self.wait = wait


def explain(error: Exception, link: Link, timeout: float) -> StageError:
    """The StageError for what gdown raised; a `TemporaryError` if another try may help."""
    text = str(error)
    cause = request_error(error)
    if QUOTA.search(text):
        return _quota(link)
    if isinstance(cause, requests.HTTPError) and cause.response is not None:
        return _from_status(cause.response, "", link) or _unknown(error, link)
    if "byte range" in text:
        return incomplete(link, "the file changed, or the server cannot go on in the middle")
    if "incomplete" in text or isinstance(cause, requests.exceptions.ChunkedEncodingError):
        detail = text.split("\n")[0].removeprefix("Download is incomplete: ").rstrip(".")
        return incomplete(link, detail)
    if cause:
        return _unreachable(cause, link, timeout)
    return probe(link, timeout) or _unknown(error, link)


def probe(link: Link, timeout: float) -> StageError | None:
    """Requests the link once more to find the cause of a failure; None if it now succeeds."""
    try:
        with requests.get(
            link.probe_url,
            headers={"User-Agent": USER_AGENT},
            timeout=timeout,
            stream=True,
        ) as response:
            is_page = "Content-Disposition" not in response.headers
            start = next(response.iter_content(1 << 18), b"") if is_page else b""
            return _from_status(response, start.decode("utf-8", "replace"), link)
    except requests.RequestException as error:
        return _unreachable(error, link, timeout)


def incomplete(link: Link, detail: str) -> TemporaryError:
    """The error for a file without its end."""
    return TemporaryError(
        f"{link} arrived incomplete: {detail}. Expected the whole file. Try again; if it stays "
        "so, the file itself may be damaged: have it uploaded again."
    )


def unwritable(folder: Path, error: OSError) -> str:
    """The message for a folder that takes no file."""
    return (
        f"Could not write to {folder}: {error.strerror or error}. Expected a folder with room, "
        "write permission and a file system that takes the names that Drive gives."
    )


def request_error(error: BaseException | None) -> requests.RequestException | None:
    """The error of requests that gdown's own error stands for, if there is one."""
    while error is not None and not isinstance(error, requests.RequestException):
        error = error.__cause__
    return error


def _unreachable(error: requests.RequestException, link: Link, timeout: float) -> StageError:
    host = urllib.parse.urlsplit(link.probe_url).hostname
    if isinstance(error, requests.exceptions.ProxyError):
        return TemporaryError(
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
        return TemporaryError(
            f"{link}: {host} did not answer within {timeout:g} s. Expected an answer. "
            "Try later, or raise the timeout; if you are behind a proxy, put its address "
            "into HTTPS_PROXY."
        )
    return TemporaryError(
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
        folder = f"https://drive.google.com/drive/folders/{link.id}"
        remedy = (
            f"; if it is a folder, give its whole link, {folder}" if link.kind == "file" else ""
        )
        return StageError(
            f"{link} does not exist. Expected the id of a file that is there. Received: 404, not "
            f"found. Copy the link anew from Drive{remedy}."
        )
    if host == "accounts.google.com" or status in (401, 403):
        return StageError(
            f"{link} is private. Expected one that needs no sign-in. Its owner mends that in "
            'Drive: Share > General access > "Anyone with the link", Viewer.'
        )
    if status == 429 or status >= 500:
        wait = response.headers.get("Retry-After", "")
        return TemporaryError(
            f"{link}: Google Drive is busy. Expected the file. Received: status {status}. Try "
            "again in some minutes.",
            float(wait) if wait.isdecimal() else 0.0,
        )
    return None


def _unknown(error: Exception, link: Link) -> StageError:
    detail = " ".join(str(error).split())[:200]
    return TemporaryError(
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


def _innermost(error: BaseException) -> str:
    """The last link of an exception's chain, which names the actual cause."""
    reason = error
    while (inner := getattr(reason, "reason", None) or reason.__context__) is not None:
        if not isinstance(inner, BaseException):
            break
        reason = inner
    return str(reason)[:200]
