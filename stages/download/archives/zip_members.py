"""Members of a .zip archive."""

import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from stages.download.archives.checks import CHUNK, LINK_OR_DEVICE, Limits, Member

STARTS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
ENCRYPTED = 0x1
# bz2 and lzma members are decompressed without an upper bound per call, so feed them little:
# 4 KiB of bz2 hold at most about 80 MB.
SMALL_CHUNK = 1 << 12


@contextmanager
def opened_zip(archive: Path, _limits: Limits) -> Iterator[Iterator[Member]]:
    """Yields the members, readable as long as the archive is open, in its directory's order."""
    with zipfile.ZipFile(archive) as content:
        yield (_member(content, info) for info in content.infolist())


def _member(content: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    refusal = None
    unix_kind = stat.S_IFMT(info.external_attr >> 16)
    if info.flag_bits & ENCRYPTED:
        refusal = "is encrypted. Expected an archive without a password: pack it again without."
    elif unix_kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        refusal = f"{LINK_OR_DEVICE} Pack the files themselves (zip does without -y)."
    # orig_filename, because zipfile cuts a name at a null character (and trips over an empty one).
    name = info.orig_filename
    bounded = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    return Member(
        name,
        info.file_size,
        name.endswith("/"),
        refusal,
        partial(content.open, info),
        CHUNK if bounded else SMALL_CHUNK,
    )
