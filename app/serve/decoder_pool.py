"""Pool of decoder processes: killed when one takes too long, replaced when one dies."""

import contextlib
import json
import logging
import os
import queue
import socket
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np

from app.serve.decoder_process import receive
from app.serve.errors import ServiceError
from app.serve.settings import Limits
from common.images import ImageError, Prepared
from common.preprocessing import Preprocessing, as_json

LOG = logging.getLogger("app.serve")
ROOT = Path(__file__).parents[2]


class DecoderPool:
    """One process for each image that may be decoded at a time; `prepare` may run in many threads.

    Threads alone would be enough for harmless images. But a thread cannot be killed, and a file of
    a few kilobytes can keep a decoder busy for minutes, exhaust memory or crash it.
    """

    def __init__(self, preprocessing: Preprocessing, limits: Limits):
        """Starts the processes.

        Args:
            preprocessing: how files become pixels.
            limits: decoders, decode_seconds, decoder_bytes.
        """
        self._shape = (*preprocessing.image_size, 3)
        self._arguments = [json.dumps(as_json(preprocessing)), str(limits.decoder_bytes)]
        self._seconds = limits.decode_seconds
        self._free: queue.SimpleQueue[_Process] = queue.SimpleQueue()
        self._all = [self._start() for _ in range(limits.decoders)]
        for process in self._all:
            self._free.put(process)

    def prepare(self, data: bytes) -> Prepared:
        """Decodes and resizes a file's bytes, as `images.prepare` does; waits for a free process.

        Raises:
            ImageError: the bytes give no usable image.
            ServiceError: timed_out.
        """
        process = self._free.get()
        try:
            header, pixels = process.ask(data, self._seconds)
        except TimeoutError:
            process = self._replace(process)
            raise ServiceError(
                "timed_out",
                f"Expected a picture that opens within {self._seconds:g} s. Received: one that "
                "does not. Save it again, as JPEG or PNG.",
                f"decoding stopped after {self._seconds:g} s",
            ) from None
        except (EOFError, OSError) as error:
            LOG.warning("a decoder died: %r", error)
            process = self._replace(process)
            raise ImageError("truncated", "the decoder died while decoding it") from None
        finally:
            self._free.put(process)
        if "reason" in header:
            raise ImageError(header["reason"], header["detail"])
        return Prepared(np.frombuffer(pixels, np.uint8).reshape(self._shape), header["aspect"])

    def close(self) -> None:
        """Kills the processes."""
        for process in self._all:
            process.kill()

    def _start(self) -> "_Process":
        return _Process(self._arguments)

    def _replace(self, process: "_Process") -> "_Process":
        process.kill()
        replacement = self._start()
        self._all[self._all.index(process)] = replacement
        return replacement


class _Process:
    def __init__(self, arguments: list[str]):
        self.connection, peer = socket.socketpair()
        # A session of its own, so that Ctrl+C does not end it before pending answers are sent.
        with peer:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "app.serve.decoder_process", *arguments],
                stdin=peer,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=ROOT,
                env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
                start_new_session=True,
            )

    def ask(self, data: bytes, seconds: float) -> tuple[dict, bytes]:
        """Sends a file's bytes and receives header and pixels of the response.

        Raises:
            TimeoutError: no response within `seconds`.
            EOFError, OSError: the process has died.
        """
        self.connection.settimeout(seconds)
        self.connection.sendall(struct.pack("!Q", len(data)) + data)
        (length,) = struct.unpack("!I", receive(self.connection, 4))
        header = json.loads(receive(self.connection, length))
        return header, receive(self.connection, header["bytes"])

    def kill(self) -> None:
        with contextlib.suppress(OSError):
            self.connection.close()
        self._process.kill()
        self._process.wait()
