"""Formats of image files, recognised by their first bytes, never by file names."""

import io
import struct
import zlib
from collections.abc import Iterator

from PIL import TiffImagePlugin

from common.reasons import NOT_AN_IMAGE, TRUNCATED, UNSUPPORTED_FORMAT

# An allow-list, because Pillow would start Ghostscript for an EPS named .jpg. "JPEG" and not "MPO":
# the latter raises KeyError on other files, and the former opens the first image of an MPO.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM")

_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
# First bytes of files in allowed formats: a file that starts so and does not open is damaged.
_ALLOWED_MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", *_TIFF_MAGIC)
# First bytes of pictures in other formats: offset, bytes and what the format is called.
_OTHER_MAGIC = (
    *((4, b"ftyp" + brand, "HEIC") for brand in (b"heic", b"heix", b"hevc", b"mif1", b"msf1")),
    (4, b"ftypcrx ", "camera RAW, Canon CR3"),
    (0, b"IIRO", "camera RAW, Olympus"),
    (0, b"IIRS", "camera RAW, Olympus"),
    (0, b"MMOR", "camera RAW, Olympus"),
    (0, b"IIU\0", "camera RAW, Panasonic"),
    (0, b"FUJIFILMCCD-RAW", "camera RAW, Fujifilm"),
    (0, b"FOVb", "camera RAW, Sigma"),
    (0, b"\0MRM", "camera RAW, Minolta"),
    (0, b"8BPS", "Photoshop"),
    (0, b"%!PS", "PostScript"),
    (0, b"\xc5\xd0\xd3\xc6", "PostScript with a preview"),
    (0, b"\0\0\1\0", "icon"),
    (0, b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"\0\0\0\x0cJXL ", "JPEG XL"),
    (0, b"v/1\1", "OpenEXR"),
    (0, b"DDS ", "DirectDraw surface"),
    (128, b"DICM", "DICOM"),
    (344, b"n+1\0", "NIfTI"),
    (344, b"ni1\0", "NIfTI"),
    (0, b"\x89HDF", "HDF5"),
    (0, b"\x93NUMPY", "NumPy array"),
    (0, b"SIMPLE  =", "FITS"),
    (0, b"qoif", "QOI"),
    (0, b"gimp xcf", "GIMP"),
)

# Tags of TIFF: https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf and the DNG
# specification 1.7.1, chapter 4.
_SUBFILE_TYPE, _SUB_IFDS, _DNG_VERSION, _PHOTOMETRIC = 254, 330, 50706, 262
_BITS, _COMPRESSION, _SAMPLES = 258, 259, 277
_REDUCED, _COLOUR_FILTER_ARRAY = 1, 32803


def unidentified(data: bytes) -> tuple[str, str]:
    """Why bytes that no decoder of FORMATS recognises are not an image.

    Returns:
        (reason, detail): truncated, unsupported_format or not_an_image, and what the bytes are.
    """
    if data.startswith(_TIFF_MAGIC) and (layout := _tiff_layout(data)):
        return UNSUPPORTED_FORMAT, f"a TIFF of {layout}"
    # RIFF also holds sound and video, ftyp video: the name inside tells which.
    webp = data.startswith(b"RIFF") and data[8:12] in (b"WEBP", b"")
    avif = data[4:12] in (b"ftypavif", b"ftypavis")
    if data.startswith(_ALLOWED_MAGIC) or webp or avif:
        return TRUNCATED, f"begins like a picture, but {len(data)} bytes do not open"
    if name := other_format(data):
        return UNSUPPORTED_FORMAT, f"a picture of another format ({name})"
    return NOT_AN_IMAGE, f"begins with {data[:16]!r}"


def other_format(data: bytes) -> str | None:
    """What a format is called that is known but not read; None for all others."""
    start = data[:512]
    if start.startswith(b"\x1f\x8b"):  # NIfTI is mostly packed
        try:
            start = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data[:4096], 512)
        except zlib.error:
            return None
    for offset, magic, name in _OTHER_MAGIC:
        if start[offset : offset + len(magic)] == magic:
            return name
    return None


def camera_raw(tags: TiffImagePlugin.ImageFileDirectory_v2, data: bytes) -> bool:
    """Whether a TIFF that opens is a camera's raw file, of which only a thumbnail would be read.

    Args:
        tags: of its first image.
        data: its bytes.
    """
    thumbnail_first = bool(_number(tags, _SUBFILE_TYPE) & _REDUCED) and _SUB_IFDS in tags
    return (
        data[8:10] == b"CR"  # Canon CR2
        or _DNG_VERSION in tags
        or _number(tags, _PHOTOMETRIC) == _COLOUR_FILTER_ARRAY
        or thumbnail_first
    )


def without_texts(data: bytes) -> bytes | None:
    """A PNG without its chunks of text, of which Pillow refuses more than 1 MB; None without any.

    None also for what is no PNG.
    """
    if not data.startswith(PNG_MAGIC):
        return None
    kept, position = [PNG_MAGIC], len(PNG_MAGIC)
    for kind, end in _png_chunks(data):
        if kind not in (b"tEXt", b"zTXt", b"iTXt"):
            kept.append(data[position:end])
        position = end
    shorter = b"".join([*kept, data[position:]])
    return shorter if len(shorter) < len(data) else None


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Kind and end of each whole chunk: length, kind, content and checksum."""
    position = len(PNG_MAGIC)
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        kind, end = data[position + 4 : position + 8], position + 12 + length
        if end > len(data):
            return
        yield kind, end
        position = end


def _tiff_layout(data: bytes) -> str | None:
    """Bands, bits and compression of a TIFF whose directory and first strip are whole."""
    try:
        tags = TiffImagePlugin.ImageFileDirectory_v2(data[: 16 if b"+" in data[2:4] else 8])
        stream = io.BytesIO(data)
        stream.seek(tags.next)
        tags.load(stream)
        bits, samples = tags.get(_BITS, (1,)), _number(tags, _SAMPLES, 1)
        starts, lengths = (tags.get(a, tags.get(b, ())) for a, b in ((273, 324), (279, 325)))
        whole = [s + n <= len(data) for s, n in zip(starts, lengths, strict=True)]
        if not whole or not all(whole):
            return None
        bits = bits[0] if isinstance(bits, tuple) else bits
        compression = _number(tags, _COMPRESSION, 1)
    except Exception:  # damage may look like anything
        return None
    return f"{samples} bands of {bits} bits, compression {compression}"


def _number(tags: TiffImagePlugin.ImageFileDirectory_v2, tag: int, absent: int = 0) -> int:
    value = tags.get(tag, absent)
    value = value[0] if isinstance(value, tuple) else value
    return value if isinstance(value, int) else absent
