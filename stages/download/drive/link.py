"""Links to Google Drive, as users paste them: a file's id, a file's link or a folder's link."""

import contextlib
import re
import urllib.parse
from dataclasses import dataclass

from common.errors import StageError

HOSTS = {"drive.google.com", "docs.google.com", "drive.usercontent.google.com"}
# Drive's ids have 28, 33 or 44 characters today; a bare word is certainly none.
ID = re.compile(r"[A-Za-z0-9_-]{20,128}")


@dataclass(frozen=True)
class Link:
    """A file or a folder of Drive.

    Attributes:
        id: Drive's id of it.
        kind: "file" or "folder".
        path: of a file below a shared folder, for messages; else "".
    """

    id: str
    kind: str
    path: str = ""

    @property
    def probe_url(self) -> str:
        """The page whose status tells why a download failed."""
        page = "uc" if self.kind == "file" else "embeddedfolderview"
        return f"https://drive.google.com/{page}?id={self.id}"

    def __str__(self) -> str:
        return f"Google Drive {self.kind} {self.id}" + (f" ({self.path})" if self.path else "")


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
