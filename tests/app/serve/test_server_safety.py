"""Safety of the server: allowed hosts and origins, hostile files, nothing leaked, a safe log."""

import io
import logging
import os
import re
import sys
import tempfile
import zipfile

import pytest
from PIL import Image

from app.serve.server import SafeFormatter
from tests.app.serve.test_decoder_pool import BOMB, png, scans
from tests.helpers.images import image_bytes, make_image
from tests.helpers.serving import MULTIPART, Service, code, parts, until

GOOD = image_bytes(make_image(1, colour="red"))
JPEG = image_bytes(make_image(1, (300, 200)), "JPEG")
GIF = image_bytes(make_image(1), "GIF")


@pytest.fixture(scope="module")
def service(whole_run):
    names = frozenset({"localhost", "127.0.0.1", "[::1]", "ads.example.org"})
    with Service(whole_run, allowed_hosts=names) as service:
        yield service


@pytest.fixture(autouse=True)
def works_afterwards(service):
    yield
    until(service.quiet)
    assert service.post(GOOD).status_code == 200


@pytest.mark.parametrize(
    "host, status",
    [
        ("127.0.0.1", 200), ("localhost:1", 200), ("LOCALHOST", 200), ("[::1]:8000", 200),
        ("ads.example.org", 200), ("ads.example.org.:8000", 200), ("ADS.example.org:99999", 200),
        ("evil.example.org", 400), ("localhost.evil.org", 400), ("xlocalhost", 400), ("", 400),
        ("127.0.0.1.evil.org", 400), ("evil.org:localhost", 400), ("localhost@evil.org", 400),
        ("localhost:80:80", 400), ("[::2]", 400), ("localhost:", 400), ("a" * 500, 400),
        ("localhost, evil.org", 400), ("\xff\xfe", 400), ("0.0.0.0", 400),
    ],
)  # fmt: skip
def test_only_calls_by_known_names_are_answered(service, host, status):
    head = b"GET /v1/model HTTP/1.1\r\nconnection: close\r\nhost: " + host.encode("latin-1")
    answered, data = service.raw(head + b"\r\n\r\n")
    assert answered == status
    assert status == 200 or b'"wrong_host"' in data or b'"bad_request"' in data
    assert b"evil" not in data


def test_a_call_needs_one_name_and_health_needs_none(service):
    for head in ("", "host: localhost\r\nhost: localhost\r\n"):
        assert service.raw(f"GET / HTTP/1.1\r\n{head}connection: close\r\n\r\n".encode())[0] == 400
    for path in ("healthz", "readyz"):
        head = f"GET /{path} HTTP/1.1\r\nhost: 10.1.2.3:80\r\nconnection: close\r\n\r\n"
        assert service.raw(head.encode())[0] == 200


@pytest.mark.parametrize(
    "headers, status",
    [
        ({}, 200),
        ({"origin": "{url}"}, 200),
        ({"origin": "{url}", "sec_fetch_site": "same-origin"}, 200),
        ({"sec_fetch_site": "none"}, 200),
        ({"origin": "http://evil.org"}, 403),
        ({"origin": "http://127.0.0.1"}, 403),
        ({"origin": "http://localhost:1"}, 403),
        ({"origin": "null"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site"}, 403),
        ({"origin": "{url}", "sec_fetch_site": "cross-site"}, 403),
    ],
)
def test_pages_of_others_cannot_post(service, headers, status):
    headers = {name: value.format(url=service.url) for name, value in headers.items()}
    answer = service.post(GOOD, content_type="text/plain", **headers)
    assert answer.status_code == status
    assert status == 200 or code(answer) == "cross_origin"
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "path",
    [
        "/static/../serving.py", "/static/../../serve.py", "/static/%2e%2e/serve.py",
        "//etc/passwd", "/static/..%2f..%2fserve.py", "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/..\\..\\serve.py", "/static/%5c..%5c", "/static/a%00b", "/examples/../params.yaml",
        "/examples/%2e%2e%2fparams.yaml", "/static/" + "a" * 3000,
        "/static/" + "../" * 50 + "etc/passwd", "/static/\x7f", "/%ff%fe", "/static/.",
        "/static/%252e%252e/serve.py", "/static/C:%5cboot.ini",
    ],
)  # fmt: skip
def test_no_path_leads_out_of_the_static_folder(service, path):
    head = f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    status, data = service.raw(head.encode("latin-1"))
    assert status in (400, 404)
    assert b'{"error": {"code": "' in data and b"root:" not in data


def test_no_name_that_a_client_gives_touches_the_disk(service, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    tempfile.tempdir = None
    large = GOOD + bytes(9_000_000)  # beyond what starlette's own parser keeps in memory
    opened = []
    # An audit hook cannot be removed again: it counts only while the list is watched.
    watch = [True]

    def hook(event, arguments):
        if watch[0] and event == "open" and isinstance(arguments[0], str | bytes):
            opened.append(os.fsdecode(arguments[0]))

    sys.addaudithook(hook)
    answer = service.post(parts(large), content_type=MULTIPART)
    watch[0] = False
    tempfile.tempdir = None
    assert answer.status_code == 200
    assert not [name for name in opened if "a.png" in name or str(tmp_path) in name]
    assert list(tmp_path.iterdir()) == []


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("evil.html", "<script>alert(1)</script>")
    return stream.getvalue()


HTML = b"<html><script>alert(1)</script></html>"


@pytest.mark.parametrize(
    "data, status, expected",
    [
        (png(50_000, 50_000, (b"IDAT", BOMB)), 413, "too_many_pixels"),
        (png(7100, 7100, (b"IDAT", b"")), 413, "too_many_pixels"),
        (png(9, 9, (b"zTXt", b"x\0\0" + BOMB)), 422, "truncated"),
        (scans(300), 415, "unsupported_format"),
        (b"GIF89a\xff\xff\xff\xff" + GIF[10:], 413, "too_many_pixels"),
        (b"GIF89a/*" + HTML, 422, "truncated"),
        (JPEG[:-2000], 422, "truncated"),
        (JPEG[:20], 422, "truncated"),
        (b"", 422, "empty"),
        (HTML, 415, "not_an_image"),
        (zipped(), 415, "not_an_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "not_an_image"),
        (b"%PDF-1.7\n", 415, "not_an_image"),
        (b"http://127.0.0.1/secret.png", 415, "not_an_image"),
        (b"/etc/passwd", 415, "not_an_image"),
        (image_bytes(make_image(1), "TIFF"), 415, "unsupported_format"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", 415, "unsupported_format"),
    ],
    ids=range(17),
)  # fmt: skip
def test_bad_images_are_refused(service, data, status, expected):
    answer = service.post(data)
    assert (answer.status_code, code(answer)) == (status, expected)
    assert b"script" not in answer.content and b"passwd" not in answer.content


def test_what_hides_behind_an_image_is_neither_used_nor_given_back(service):
    expected = service.post(JPEG).json()["predictions"]
    for tail in (zipped(), HTML):
        answer = service.post(JPEG + tail, content_type="text/html")
        assert answer.json()["predictions"] == expected
        assert answer.headers["content-type"] == "application/json"
    frames = [make_image(seed) for seed in range(50)]
    many = image_bytes(frames[0], "GIF", save_all=True, append_images=frames[1:])
    with Image.open(io.BytesIO(many)) as opened:  # its first frame
        first = image_bytes(opened.convert("RGB"))
    assert service.post(many).json()["predictions"] == service.post(first).json()["predictions"]


@pytest.mark.parametrize(
    "content_type, body",
    [
        ("multipart/form-data", parts(GOOD)), ("multipart/form-data; boundary=", parts(GOOD)),
        ("multipart/form-data; boundary=" + "X" * 1000, parts(GOOD)), (MULTIPART, b""),
        (MULTIPART, GOOD), (MULTIPART, parts(GOOD)[:-4]), (MULTIPART, b"--XX--\r\n"),
        (MULTIPART, b"--XX\r\n" + b"a: " + b"b" * 9000 + b"\r\n\r\nc\r\n--XX--\r\n"),
        (MULTIPART, b"--XX\r\n" + b"a: b\r\n" * 5000 + b"\r\nc\r\n--XX--\r\n"),
        (MULTIPART, b"\r\n--X" * 100_000),
        ("multipart/form-data; boundary*=utf-8''XX", parts(GOOD)),
    ],
)  # fmt: skip
def test_broken_multipart_is_refused(service, content_type, body):
    answer = service.post(body, content_type=content_type)
    assert (answer.status_code, code(answer)) == (400, "bad_request")


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"SSH-2.0-x\r\n\r\n", b"\0" * 100,
        b"GET / HTTP/1.1\r\nhost localhost\r\n\r\n", b"GET /\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: x\r\n\r\n",
        b"POST /v1/predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n",
        b"POST /v1/predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\n"
        b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/predict HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nhost: localhost\r\na: b\r\n c: d\0\r\n\r\n",
        b"GET \xff HTTP/1.1\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nhost: localhost\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\n\r\n",
    ],
)  # fmt: skip
def test_what_is_no_http_is_refused(service, data):
    status, answer = service.raw(data)
    assert status == 400
    assert b'"bad_request"' in answer or b'"wrong_host"' in answer


def with_log(monkeypatch) -> None:
    """Has records reach caplog, whatever a program that ran in this process did to the log.

    Where it had kept them to itself, caplog may get each of them twice.
    """
    monkeypatch.setattr(logging.getLogger("app.serve"), "propagate", True)


def test_details_stand_in_the_log_under_the_id_that_the_client_gets(service, caplog, monkeypatch):
    with_log(monkeypatch)
    with caplog.at_level(logging.INFO, "app.serve"):
        answer = service.post(b"no picture \n2026-11-21 INFO app.serve: all is well\x1b[2J")
    failure = answer.json()["error"]
    (record,) = {entry for entry in caplog.records if failure["id"] in entry.getMessage()}
    line = record.getMessage()
    assert "no picture" in line and "no picture" not in answer.text
    assert "\n" not in line and "\x1b" not in line


def test_a_fault_of_ours_gives_an_id_and_no_more(service, caplog, monkeypatch):
    """The inference thread has ended, which it never does: a fault like any other."""
    with_log(monkeypatch)
    batcher = service.worker.batcher
    batcher._closed = True
    with caplog.at_level(logging.INFO, "app.serve"):
        answer = service.post(GOOD)
    batcher._closed = False
    assert (answer.status_code, code(answer)) == (500, "internal")
    assert "batcher" not in answer.text and "Traceback" not in answer.text
    (record,) = {entry for entry in caplog.records if entry.levelno == logging.ERROR}
    assert answer.json()["error"]["id"] in record.getMessage() and record.exc_info


def test_records_of_the_log_cannot_be_forged():
    formatter = SafeFormatter("%(levelname)s %(message)s")
    try:
        raise ValueError("a\nINFO forged\r\x1b[2J\u2028")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "b\nINFO forged", (), sys.exc_info())
    text = formatter.format(record)
    lines = text.split("\n")
    assert lines[0] == "ERROR b" and all(line.startswith("    ") for line in lines[1:])
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u2028]", text) and "\\x1b[2J\\u2028" in text


def test_the_lock_on_pixels_is_the_smaller_of_card_and_server(service, whole_run):
    assert service.app.state.worker.predictor.preprocessing.max_pixels == 50_000_000
    image = io.BytesIO()
    Image.new("1", (7072, 7071)).save(image, "PNG")  # 50.006 megapixels
    assert code(service.post(image.getvalue())) == "too_many_pixels"
