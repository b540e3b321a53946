"""Load test of the server against a plain FastAPI handler around `model.predict`.

    python -m benchmarks.serve [FOLDER] [--seconds 60] [--clients 1 8 32] [--soak 0]

Both servers start as processes of their own on free ports, one after the other for each number of
clients, and wrk (Debian's package wrk) posts the same images to both over as many connections
as there are clients, each of which sends its next image when the last one is answered. Printed are
requests per second, latencies, the server's largest memory (resident set), and the ratio of our
throughput to that of the plain handler. --soak keeps ours under load for so many seconds more and
prints its memory in each fifth of them.
"""

import argparse
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil

from common.cli import run
from common.errors import StageError

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SERVERS = {
    "plain": ["uvicorn", "benchmarks.serve.plain:app", "--log-level", "warning"],
    "ours": ["app.serve"],
}
START_SECONDS = 120
SAMPLING_SECONDS = 0.5  # between two readings of the memory


@contextlib.contextmanager
def served(name: str, models: Path, log: Path) -> Iterator[tuple[str, psutil.Process]]:
    """Runs one of SERVERS; yields its address once it is ready, and its process.

    Raises:
        StageError: it ended, or was not ready within START_SECONDS.
    """
    with contextlib.closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    words = [sys.executable, "-m", *SERVERS[name], "--port", str(port)]
    if name == "ours":
        words += ["--model", str(models)]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            words, cwd=ROOT, stderr=stream, stdout=stream, env=os.environ | {"MODELS": str(models)}
        )
    try:
        address = f"http://127.0.0.1:{port}"
        limit = time.monotonic() + START_SECONDS
        while not _ready(address):
            if process.poll() is not None or time.monotonic() > limit:
                raise StageError(f"Expected {name} to start. Received:\n{log.read_text()[-2000:]}")
            time.sleep(0.2)
        yield address, psutil.Process(process.pid)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/readyz", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


def load(address: str, images: Path, clients: int, seconds: float) -> dict:
    """Runs wrk; gives its requests, seconds, p50 and p99 in ms, and errors."""
    words = ["wrk", "--threads", "1", "--connections", str(clients), "--timeout", "60s"]
    words += ["--duration", f"{seconds:g}s", "--script", str(HERE / "post.lua"), address]
    environment = os.environ | {"IMAGES": str(images), "TARGET": "/v1/predict"}
    done = subprocess.run(words, env=environment, capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise StageError(f"Expected figures from wrk. Received:\n{done.stdout}{done.stderr}")
    return json.loads(lines[-1])


def measure(address: str, process: psutil.Process, images: Path, clients: int, seconds) -> dict:
    """`load`, with throughput per second and `memory`, the readings of the resident set in MB."""
    memory, finished = [], threading.Event()

    def watch():
        while not finished.wait(SAMPLING_SECONDS):
            memory.append(process.memory_info().rss / 2**20)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        figures = load(address, images, clients, seconds)
    finally:
        finished.set()
        watcher.join()
    throughput = figures["requests"] / figures["seconds"]
    return figures | {"throughput": throughput, "memory": memory}


def print_row(name: str, clients: int, figures: dict) -> None:
    """Prints one line of the table."""
    print(
        f"{name:>6} {clients:>8} {figures['throughput']:>11.1f} {figures['p50']:>8.0f} "
        f"{figures['p99']:>8.0f} {max(figures['memory']):>10.0f} {figures['errors']:>7}",
        flush=True,
    )


def main(argv: list[str] | None = None) -> None:
    """Prints the figures and their ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "folder",
        type=Path,
        nargs="?",
        default=Path("data/raw"),
        help="of images (default data/raw)",
    )
    parser.add_argument("--model", type=Path, default=Path("models"))
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--soak", type=float, default=0, help="seconds more for ours, 8 clients")
    parser.add_argument("--images", type=int, default=50, help="how many different ones to post")
    arguments = parser.parse_args(argv)
    if not shutil.which("wrk"):
        raise StageError("Expected wrk on the PATH. On Debian and Ubuntu: apt install wrk")
    suffixes = (".jpg", ".jpeg", ".png", ".webp")
    files = [f for f in sorted(arguments.folder.rglob("*")) if f.suffix.lower() in suffixes]
    if not files:
        raise StageError(f"Expected images below {arguments.folder}. Received: none.")
    chosen = files[:: max(1, len(files) // arguments.images)][: arguments.images]
    size = np.mean([file.stat().st_size for file in chosen]) / 1024
    print(f"{len(chosen)} images, {size:.0f} kB in the mean; {arguments.seconds:g} s each")
    print("server  clients  requests/s  p50, ms  p99, ms  memory, MB  errors")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = folder / "images.txt"
        images.write_text("\n".join(str(file.resolve()) for file in chosen))
        for clients in arguments.clients:
            rates = {}
            for server in SERVERS:
                with served(server, arguments.model.resolve(), folder / "log") as (where, process):
                    load(where, images, clients, min(5, arguments.seconds))  # warms up
                    figures = measure(where, process, images, clients, arguments.seconds)
                    print_row(server, clients, figures)
                    rates[server] = figures["throughput"]
            print(f"{rates['ours'] / rates['plain']:.2f} times the throughput", flush=True)
        if arguments.soak:
            with served("ours", arguments.model.resolve(), folder / "log") as (where, process):
                load(where, images, 8, min(30, arguments.soak))
                figures = measure(where, process, images, 8, arguments.soak)
                print_row("ours", 8, figures)
                fifths = np.array_split(figures["memory"], 5)
                print("memory in each fifth, MB:", *(f"{fifth.mean():.1f}" for fifth in fifths))


if __name__ == "__main__":
    run(main)
