"""A decoder in a process of its own: image files in, pixels out. Started by decoders.py.

Whatever a hostile file does to a decoder, it does it here: where memory is limited, from where
nothing is read or written, and what can be stopped. TensorFlow is not loaded.

Over the socket that stands at file descriptor 0: 8 bytes of length and a file; back, 4 bytes of
length, JSON and the pixels that it announces.
"""

import contextlib
import json
import socket
import struct
import sys
import traceback
from pathlib import Path

import numpy as np

from common.images import FORMATS, ImageError, decode, resize

# How files of the formats begin that are let through to Pillow; each of these beginnings is
# accepted by one of its decoders at most. Fewer than the pipeline takes: no browser shows TIFF or
# PPM, so that no page would send them, and TIFF's decoder has by far the most ways to be fooled.
SERVED = {
    "JPEG": ((0, b"\xff\xd8\xff"),),
    "PNG": ((0, b"\x89PNG\r\n\x1a\n"),),
    "WEBP": ((8, b"WEBP"),),
    "GIF": ((0, b"GIF87a"), (0, b"GIF89a")),
    "BMP": ((0, b"BM"),),
    "AVIF": ((4, b"ftypavif"), (4, b"ftypavis"), (4, b"ftypmif1")),
}
_KNOWN = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"Pf")

# A progressive JPEG is usually of 10 scans. Each is a pass over the whole image, however few
# bytes it takes: 6 bytes of a scan cost as much time as its pixels.
MAX_SCANS = 100


def check(data: bytes) -> None:
    """Refuses what shall not come near a decoder.

    Raises:
        ImageError: empty, not_an_image or unsupported_format.
    """
    if not data:
        raise ImageError("empty", "0 bytes")
    for name, beginnings in SERVED.items():
        if any(data[at : at + len(magic)] == magic for at, magic in beginnings):
            # In a JPEG's compressed data 0xff is always followed by 0: this is a marker.
            if name == "JPEG" and (scans := data.count(b"\xff\xda")) > MAX_SCANS:
                raise ImageError("unsupported_format", f"a JPEG of {scans} scans")
            return
    if data.startswith(_KNOWN):
        raise ImageError("unsupported_format", f"begins with {data[:4]!r}")
    try:
        decode(data[:64], max_pixels=1)  # tells other formats' names from what is no image
    except ImageError as error:
        if error.reason != "too_large":
            raise
    raise ImageError("not_an_image", f"begins with {data[:16]!r}")


def prepare(
    data: bytes, image_size: tuple[int, int], how: str, max_pixels: int
) -> tuple[np.ndarray, float]:
    """As `Predictor.prepare`: uint8 (height, width, 3), and the whole image's aspect.

    Raises:
        ImageError: the bytes give no usable image.
    """
    check(data)
    decoded = decode(data, max_pixels, image_size)
    box = decoded.box
    pixels = np.asarray(resize(decoded.image, image_size, how, box))
    return pixels, (box[2] - box[0]) / (box[3] - box[1])


def answer(data: bytes, *settings) -> tuple[dict, bytes]:
    """What goes back: aspect and pixels, or reason and detail."""
    try:
        pixels, aspect = prepare(data, *settings)
        return {"aspect": aspect, "bytes": pixels.nbytes}, pixels.tobytes()
    except ImageError as error:
        found = error.reason, error.detail
    except MemoryError:
        found = "too_large", "more memory than a decoder may take"
    except Exception:  # a decoder that fails in a way of its own does so because of the file
        found = "truncated", traceback.format_exc()
    return {"reason": found[0], "detail": found[1], "bytes": 0}, b""


def receive(connection: socket.socket, count: int) -> bytes:
    """Exactly so many bytes.

    Raises:
        EOFError: the other side has gone.
    """
    data = bytearray(count)
    view = memoryview(data)
    while view:
        got = connection.recv_into(view)
        if not got:
            raise EOFError
        view = view[got:]
    return bytes(data)


def limit_memory(count: int) -> None:
    """Has allocations fail beyond so many bytes more than this process has now.

    Only where there is /proc, that is, on Linux: macOS knows the limit and ignores it.
    """
    with contextlib.suppress(ImportError, OSError):
        import resource

        now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + count, now + count))


def main(argv: list[str]) -> None:
    """Answers until the other side goes: also if that was killed, no decoder stays behind."""
    height, width, how, max_pixels, memory = argv
    settings = (int(height), int(width)), how, int(max_pixels)
    with contextlib.suppress(ImageError):
        decode(b"\0", 1)  # loads Pillow's plugins
    limit_memory(int(memory))
    with socket.socket(fileno=0) as connection, contextlib.suppress(EOFError, ConnectionError):
        while True:
            (length,) = struct.unpack("!Q", receive(connection, 8))
            header, pixels = answer(receive(connection, length), *settings)
            text = json.dumps(header).encode()
            connection.sendall(struct.pack("!I", len(text)) + text + pixels)


if __name__ == "__main__":
    assert set(SERVED) <= set(FORMATS)
    main(sys.argv[1:])
