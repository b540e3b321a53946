"""`python -m app.serve`: one line at its start, a clean end, and errors that say what is wrong."""

import re
import shutil
import signal
import socket
import subprocess
import sys

import keras
import numpy as np
import pytest

from app.serve import __main__ as serve
from app.serve.server import LOCAL, allowed_hosts, listen
from common.errors import StageError
from common.files import read_json, sha256_of, write_json
from networks.classifier import load_classifier
from tests.app.serve.test_server_limits import SLOW
from tests.helpers.pipeline import ROOT
from tests.helpers.serving import everything, until


class Server:
    """The program itself."""

    def __init__(self, folder, *words):
        command = [sys.executable, "-m", "app.serve", "--model", str(folder), "--port", "0", *words]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def connect(self, port):
        return socket.create_connection(("127.0.0.1", port), timeout=30)


def request(port: int, data: bytes) -> bytes:
    head = f"POST /v1/predict HTTP/1.1\r\nhost: localhost:{port}\r\ncontent-length: {len(data)}"
    return head.encode() + b"\r\n\r\n" + data


def test_it_prints_its_url_and_finishes_what_is_in_flight_when_told_to_end(whole_run):
    server = Server(whole_run.path("models"), "--max-in-flight", "2", "--dataset", "none")
    line = server.process.stdout.readline()
    port = int(re.search(r"on http://127\.0\.0\.1:(\d+)/", line)[1])
    with server.connect(port) as connection:
        connection.sendall(request(port, SLOW))
        with server.connect(port) as asking:
            head = f"GET /metrics HTTP/1.1\r\nhost: localhost:{port}\r\n\r\n".encode()

            def at_work():
                asking.sendall(head)
                return b"classifier_in_flight_pictures 1.0" in asking.recv(1 << 20)

            until(at_work)
        server.process.send_signal(signal.SIGTERM)
        status, data = everything(connection)
    assert status == 200 and b'"predictions"' in data
    rest, log = server.process.communicate(timeout=60)
    assert server.process.returncode == -signal.SIGTERM  # uvicorn hands the signal on at the end
    assert rest == "" and "Traceback" not in log


def test_ctrl_c_ends_it_without_a_traceback(whole_run):
    server = Server(whole_run.path("models"))
    assert server.process.stdout.readline().startswith("serve: ")
    server.process.send_signal(signal.SIGINT)
    _, log = server.process.communicate(timeout=60)
    assert server.process.returncode == 0 and "Traceback" not in log


@pytest.mark.parametrize(
    "words, expected",
    [
        (["--host", "0.0.0.0"], r"Expected --allowed-host NAME with --host 0\.0\.0\.0"),
        (["--host", "::"], "Expected --allowed-host NAME with --host ::"),
        (["--host", "no.such.host.invalid"], "Received: no.such.host.invalid, 8000"),
        (["--port", "70000"], "Received: 127.0.0.1, 70000"),
        (["--max-pixels", "0"], "Expected --max-pixels to be above 0. Received: 0"),
        (["--max-body-mb", "-1"], "Expected --max-body-mb to be above 0. Received: -1"),
        (["--max-in-flight", "0"], "Expected --max-in-flight to be above 0"),
        (["--port", "0", "--model", "nowhere"], "Expected a model in nowhere/classifier"),
        (["--port", "0", "--metrics", "pyproject.toml"], "Expected pyproject.toml as `dvc repro"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_served(words, expected, whole_run, monkeypatch):
    monkeypatch.chdir(ROOT)
    if "--model" not in words:
        words = ["--model", str(whole_run.path("models")), *words]
    with pytest.raises(StageError, match=expected):
        serve.main(words)


def test_a_port_that_is_taken_is_named():
    with listen("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StageError, match=f"port {port}. Received: Address already in use"):
            listen("127.0.0.1", port)


def test_errors_end_the_program_with_status_1_and_one_line():
    words = [sys.executable, "-m", "app.serve", "--host", "0.0.0.0"]
    completed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert completed.returncode == 1 and completed.stdout == ""
    assert re.fullmatch(r"error: Expected --allowed-host NAME .*\n", completed.stderr)


@pytest.mark.parametrize(
    "host, extra, expected",
    [
        ("127.0.0.1", [], set()),
        ("localhost", [], set()),
        ("192.168.1.5", [], {"192.168.1.5"}),
        ("0.0.0.0", ["Ads.Example.org."], {"0.0.0.0", "ads.example.org"}),
        ("::1", ["*"], {"*"}),
        ("fd00::0:1", [], {"[fd00::1]"}),
        ("Machine.local", [], {"machine.local"}),
    ],
)
def test_the_server_answers_to_its_own_address_and_the_names_given(host, extra, expected):
    assert allowed_hosts(host, extra) == LOCAL | expected


def test_a_model_with_code_of_its_own_is_refused(whole_run, tmp_path):
    """Also where its card has the right checksum: the checksum is whoever's who wrote the file."""
    folder = tmp_path / "models"
    shutil.copytree(whole_run.path("models"), folder)
    marker = tmp_path / "ran"
    name = str(marker)
    pixels = keras.Input((64, 64, 3))
    code = keras.layers.Lambda(
        lambda x: __import__("os").makedirs(name, exist_ok=True) or x, output_shape=(64, 64, 3)
    )
    inner = load_classifier(folder / "classifier")
    model = keras.Model(pixels, inner.head(inner.backbone(code(pixels))))
    model(np.zeros((1, 64, 64, 3)))
    assert marker.exists()  # so it would run
    marker.rmdir()
    path = folder / "classifier/classifier.keras"
    model.save(path)
    card = read_json(folder / "classifier/classifier.json")
    write_json(folder / "classifier/classifier.json", card | {"sha256": sha256_of(path)})
    with pytest.raises(StageError, match=r"without running code.*Lambda"):
        serve.main(["--model", str(folder), "--port", "0"])
    assert not marker.exists()
