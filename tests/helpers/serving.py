"""A server on a free port, in a thread, and ways to send it what no ordinary client would."""

import socket
import threading
import time

import httpx

from app.serve.application import create_app
from app.serve.server import Server, listen
from app.serve.settings import Limits, Settings

MULTIPART = "multipart/form-data; boundary=XX"


class Service:
    """Open it as a context; `limits` are those of Settings, the rest of Settings follows.

    With `ready=False` it is not waited for.
    """

    def __init__(self, run, limits=None, **settings):
        limits = limits or Limits(decoders=2)
        self.settings = Settings(model=run.path("models"), limits=limits, **settings)
        self.listener = listen("127.0.0.1", 0)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.app = create_app(self.settings)
        self.server = Server(self.app, limits)
        self.thread = threading.Thread(target=self.server.run, args=([self.listener],))
        self.client = httpx.Client(base_url=self.url, timeout=60)

    def __enter__(self):
        self.thread.start()
        until(lambda: hasattr(self.app.state, "worker") and self.app.state.worker.ready)
        return self

    def __exit__(self, *exc):
        self.client.close()
        self.server.should_exit = True
        self.thread.join(60)
        assert not self.thread.is_alive()

    @property
    def worker(self):
        return self.app.state.worker

    def post(self, content: bytes, query="", **headers) -> httpx.Response:
        """A raw image; `content_type=...` sets that header, and so on."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post("/v1/predict" + query, content=content, headers=headers)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def raw(self, *pieces: bytes, pause=0.0) -> tuple[int, bytes]:
        """Sends bytes as they are; status and everything until the server closes.

        The status is 0 if it closes without an answer.
        """
        with self.connect() as connection:
            try:
                for piece in pieces:
                    connection.sendall(piece)
                    time.sleep(pause)
            except OSError:
                pass  # the server has had enough
            return everything(connection)

    def request(self, headers: str, method="POST /v1/predict") -> bytes:
        """Request line and headers, host included."""
        return f"{method} HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\n{headers}\r\n".encode()

    def count(self, name: str) -> float:
        """A number of /metrics."""
        for line in self.client.get("/metrics").text.splitlines():
            if line.startswith(name + " "):
                return float(line.split()[-1])
        return 0.0

    def quiet(self) -> bool:
        """Whether nothing is in work and no memory is held."""
        held = self.count("classifier_body_bytes")
        return not held and not self.worker.in_flight and not len(self.worker.batcher)


def everything(connection: socket.socket) -> tuple[int, bytes]:
    data = b""
    try:
        while piece := connection.recv(65536):
            data += piece
    except ConnectionError:
        pass
    status = int(data.split()[1]) if data.startswith(b"HTTP/1.1 ") else 0
    return status, data


def until(condition, seconds=30) -> None:
    """Waits for it."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


def parts(*contents: bytes) -> bytes:
    """A multipart body for the Content-Type MULTIPART."""
    head = b'--XX\r\nContent-Disposition: form-data; name="a"; filename="../../a.png"\r\n\r\n'
    return b"".join(head + content + b"\r\n" for content in contents) + b"--XX--\r\n"


def code(response: httpx.Response) -> str:
    return response.json()["error"]["code"]
