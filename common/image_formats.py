"""Formats of image files, recognised by their first bytes, never by file names."""

from common.reasons import NOT_AN_IMAGE, TRUNCATED, UNSUPPORTED_FORMAT

# An allow-list, because Pillow would start Ghostscript for an EPS named .jpg. "JPEG" and not "MPO":
# the latter raises KeyError on other files, and the former opens the first image of an MPO.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM")

# First bytes of files in allowed formats: a file that starts so and does not open is damaged.
_ALLOWED_MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"II*\0", b"MM\0*")
# First bytes of image files in other formats: offset and bytes.
_OTHER_MAGIC = (
    *((4, b"ftyp" + brand) for brand in (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"crx ")),
    (0, b"8BPS"),  # Photoshop
    (0, b"%!PS"),  # EPS
    (0, b"\xc5\xd0\xd3\xc6"),  # EPS with a preview
    (0, b"\0\0\1\0"),  # icon
    (0, b"\0\0\0\x0cjP  "),  # JPEG 2000
    (0, b"\xff\x0a"),  # JPEG XL
    (0, b"\0\0\0\x0cJXL "),  # JPEG XL in its container
    (0, b"v/1\1"),  # OpenEXR
    (0, b"DDS "),
)


def unidentified(data: bytes) -> tuple[str, str]:
    """Why bytes that no decoder of FORMATS recognises are not an image.

    Returns:
        (reason, detail): truncated, unsupported_format or not_an_image, and what the bytes are.
    """
    # RIFF also holds sound and video, ftyp video: the name inside tells which.
    webp = data.startswith(b"RIFF") and data[8:12] in (b"WEBP", b"")
    avif = data[4:12] in (b"ftypavif", b"ftypavis")
    if data.startswith(_ALLOWED_MAGIC) or webp or avif:
        return TRUNCATED, f"begins like a picture, but {len(data)} bytes do not open"
    for offset, magic in _OTHER_MAGIC:
        if data[offset : offset + len(magic)] == magic:
            name = data[offset : offset + 12]
            return UNSUPPORTED_FORMAT, f"a picture of another format ({name!r})"
    return NOT_AN_IMAGE, f"begins with {data[:16]!r}"
