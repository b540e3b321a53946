"""Members of a .zip archive."""

import contextlib
import stat
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from stages.download.archives.checks import CHUNK, LINK_OR_DEVICE, Limits, Member

STARTS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
ENCRYPTED, NAME_IS_UTF8 = 0x1, 0x800
# Methods that Python does not unpack, by number: appendix V and section 4.4.5 of APPNOTE 6.3.10.
UNKNOWN_METHODS = {
    1: "Shrink",
    6: "Implode",
    9: "Deflate64",
    10: "Implode of PKWARE",
    93: "Zstandard",
    95: "XZ",
    96: "JPEG",
    97: "WavPack",
    98: "PPMd",
    99: "AES encryption",
}
# bz2 and lzma members are decompressed without an upper bound per call, so feed them little:
# 4 KiB of bz2 hold at most about 80 MB.
SMALL_CHUNK = 1 << 12


@contextlib.contextmanager
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
    elif info.compress_type in UNKNOWN_METHODS:
        refusal = (
            f"is packed with {UNKNOWN_METHODS[info.compress_type]}, which cannot be unpacked here. "
            "Unpack it with 7-Zip and set data.path to the folder, or pack it again with Deflate."
        )
    name = _name(info)
    bounded = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    return Member(
        name,
        info.file_size,
        name.endswith("/"),
        refusal,
        partial(content.open, info),
        CHUNK if bounded else SMALL_CHUNK,
    )


def _name(info: zipfile.ZipInfo) -> str:
    """The member's name: UTF-8, also where the flag for it is missing, as in zips of macOS.

    Code page 437, which names without the flag are in by the standard, hardly ever makes valid
    UTF-8 of letters above 127.
    """
    # orig_filename, because zipfile cuts a name at a null character (and trips over an empty one).
    name = info.orig_filename
    if not info.flag_bits & NAME_IS_UTF8:
        with contextlib.suppress(UnicodeError):
            return name.encode("cp437").decode("utf-8")
    return name
