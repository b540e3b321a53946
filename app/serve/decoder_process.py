"""Decoder process: image files in, pixels out, isolated from the server. See decoder_pool.py.

A hostile file can harm only this process, whose memory is limited, which reads and writes no files
and which can be killed. TensorFlow is not loaded.

Protocol, over the socket at file descriptor 0. Request: 8 bytes of length, then the file. Response:
4 bytes of length, then JSON, then as many bytes of pixels as the JSON announces.
"""

import contextlib
import json
import socket
import struct
import sys
import traceback
from pathlib import Path

from common.image_formats import FORMATS
from common.images import ImageError, decode, prepare
from common.preprocessing import Preprocessing, from_json

# First bytes, by offset, of the formats that are passed on to Pillow; each is accepted by at most
# one of its decoders. Fewer formats than the pipeline takes: browsers do not show TIFF or PPM, so
# that no page would send them, and TIFF's decoder has by far the largest attack surface.
SERVED = {
    "JPEG": ((0, b"\xff\xd8\xff"),),
    "PNG": ((0, b"\x89PNG\r\n\x1a\n"),),
    "WEBP": ((8, b"WEBP"),),
    "GIF": ((0, b"GIF87a"), (0, b"GIF89a")),
    "BMP": ((0, b"BM"),),
    "AVIF": ((4, b"ftypavif"), (4, b"ftypavis"), (4, b"ftypmif1")),
}
_NOT_SERVED = (
    b"II*\0",
    b"MM\0*",
    b"II+\0",
    b"MM\0+",
    b"P1",
    b"P2",
    b"P3",
    b"P4",
    b"P5",
    b"P6",
    b"Pf",
)

# A progressive JPEG usually has 10 scans. Each is a pass over the whole image, however few bytes
# it takes: a scan of 6 bytes costs as much time as one with all the pixels.
MAX_SCANS = 100


def check(data: bytes) -> None:
    """Refuses files that must not reach a decoder.

    Raises:
        ImageError: empty, not_an_image or unsupported_format.
    """
    if not data:
        raise ImageError("empty", "0 bytes")
    for name, beginnings in SERVED.items():
        if any(data[at : at + len(magic)] == magic for at, magic in beginnings):
            # In a JPEG's compressed data 0xff is always followed by 0, so this is a marker.
            if name == "JPEG" and (scans := data.count(b"\xff\xda")) > MAX_SCANS:
                raise ImageError("unsupported_format", f"a JPEG of {scans} scans")
            return
    if data.startswith(_NOT_SERVED):
        raise ImageError("unsupported_format", f"begins with {data[:4]!r}")
    try:
        decode(data[:64], max_pixels=1)  # distinguishes other image formats from other files
    except ImageError as error:
        if error.reason != "too_large":
            raise
    raise ImageError("not_an_image", f"begins with {data[:16]!r}")


def respond(data: bytes, preprocessing: Preprocessing) -> tuple[dict, bytes]:
    """The response to a file.

    Args:
        data: the file's bytes.
        preprocessing: how it becomes pixels.

    Returns:
        Header and pixels. Header: aspect and number of bytes; or reason, detail and 0 bytes.
    """
    try:
        check(data)
        pixels, aspect = prepare(data, preprocessing)
        return {"aspect": aspect, "bytes": pixels.nbytes}, pixels.tobytes()
    except ImageError as error:
        reason, detail = error.reason, error.detail
    except MemoryError:
        reason, detail = "too_large", "more memory than a decoder may take"
    except Exception:  # an exception that images.decode does not expect is due to the file
        reason, detail = "truncated", traceback.format_exc()
    return {"reason": reason, "detail": detail, "bytes": 0}, b""


def receive(connection: socket.socket, count: int) -> bytes:
    """Receives exactly `count` bytes.

    Raises:
        EOFError: the peer has closed the connection.
    """
    data = bytearray(count)
    view = memoryview(data)
    while view:
        received = connection.recv_into(view)
        if not received:
            raise EOFError
        view = view[received:]
    return bytes(data)


def limit_memory(count: int) -> None:
    """Limits memory to `count` bytes more than this process has now; allocations fail beyond.

    Only on Linux, where there is /proc: macOS accepts the limit and ignores it.
    """
    with contextlib.suppress(ImportError, OSError):
        import resource

        now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + count, now + count))


def main(argv: list[str]) -> None:
    """Responds until the server closes the socket, as the system does if the server is killed."""
    preprocessing, memory = from_json(json.loads(argv[0])), int(argv[1])
    with contextlib.suppress(ImageError):
        decode(b"\0", 1)  # loads Pillow's plugins
    limit_memory(memory)
    with socket.socket(fileno=0) as connection, contextlib.suppress(EOFError, ConnectionError):
        while True:
            (length,) = struct.unpack("!Q", receive(connection, 8))
            header, pixels = respond(receive(connection, length), preprocessing)
            text = json.dumps(header).encode()
            connection.sendall(struct.pack("!I", len(text)) + text + pixels)


if __name__ == "__main__":
    assert set(SERVED) <= set(FORMATS)
    main(sys.argv[1:])
