"""Links to Google Drive: what is taken for a file or a folder, and what for neither."""

import pytest

from common.errors import StageError
from stages.download.drive.link import Link, parse_link

FILE = "1FileFileFileFileFileFileFileFile"
FOLDER = "1FolderFolderFolderFolderFolderFo"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (FILE, Link(FILE, "file")),
        (f" {FILE}\n", Link(FILE, "file")),
        (f"https://drive.google.com/file/d/{FILE}/view?usp=sharing", Link(FILE, "file")),
        (f"https://drive.google.com/file/u/1/d/{FILE}/edit", Link(FILE, "file")),
        (f"drive.google.com/file/d/{FILE}", Link(FILE, "file")),
        (f"https://drive.google.com/open?id={FILE}", Link(FILE, "file")),
        (f"https://drive.google.com/uc?export=download&id={FILE}", Link(FILE, "file")),
        (f"https://drive.usercontent.google.com/download?id={FILE}", Link(FILE, "file")),
        (f"https://drive.google.com/drive/folders/{FOLDER}?usp=sharing", Link(FOLDER, "folder")),
        (f"https://drive.google.com/drive/u/0/folders/{FOLDER}", Link(FOLDER, "folder")),
        (f"https://drive.google.com/embeddedfolderview?id={FOLDER}", Link(FOLDER, "folder")),
    ],
)
def test_links(text, expected):
    assert parse_link(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pets",
        "an id with spaces in its middle",
        f"{FILE}/../x",
        "https://drive.google.com/file/d//view",
        "https://drive.google.com/drive/folders/",
        "https://drive.google.com/drive/my-drive",
        f"https://drive.google.com.example.org/file/d/{FILE}/view",
        f"https://example.org/file/d/{FILE}/view",
        f"ftp://[{FILE}",
        "é" * 33,
    ],
)
def test_neither(text):
    with pytest.raises(StageError, match="Expected a Google Drive file id"):
        parse_link(text)
