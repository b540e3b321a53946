"""Limits of the server: too large, too slow, too many; then the next good request is answered."""

import contextlib
import io
import socket
import threading
import time

import pytest
from PIL import Image

from app.serve.settings import Limits
from tests.helpers.images import image_bytes, make_image
from tests.helpers.serving import MULTIPART, Service, code, everything, parts, until

GOOD = image_bytes(make_image(1, colour="red"))
BODY = 300_000
LIMITS = Limits(
    body_bytes=BODY,
    body_memory=3 * BODY,
    images=3,
    in_flight=4,
    connections=40,
    header_bytes=4096,
    header_seconds=1,
    idle_seconds=1,
    body_seconds=1,
    body_rate=300_000,
    work_seconds=20,
    decoders=2,
)


def slow_image() -> bytes:
    """Takes about half a second to decode, and no more than a good one to send."""
    stream = io.BytesIO()
    Image.new("RGB", (6000, 6000)).save(stream, "PNG", compress_level=9)
    assert len(stream.getvalue()) < BODY
    return stream.getvalue()


SLOW = slow_image()


@pytest.fixture(scope="module")
def service(whole_run):
    service = Service(whole_run, LIMITS)
    service.listener.setsockopt(
        socket.SOL_SOCKET, socket.SO_SNDBUF, 4096
    )  # so that answers fill it
    with service:
        yield service


@pytest.fixture(autouse=True)
def works_afterwards(service):
    yield
    until(service.quiet)
    assert service.post(GOOD).status_code == 200


def test_a_body_as_large_as_the_limit_is_read_and_one_byte_more_is_not(service):
    data = GOOD + bytes(BODY - len(GOOD))
    assert service.post(data).status_code == 200
    answer = service.post(data + b"0")
    assert (answer.status_code, code(answer)) == (413, "body_too_large")


def test_the_limit_holds_for_chunks_too_and_the_answer_arrives(service):
    def chunks():
        for _ in range(2 * BODY // 10_000 - 10):
            yield bytes(10_000)

    answer = service.client.post("/v1/predict", content=chunks())
    assert (answer.status_code, code(answer)) == (413, "body_too_large")
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_without_end_is_not_read_for_ever(service, chunked):
    sent, start = 0, time.monotonic()
    length = "transfer-encoding: chunked" if chunked else "content-length: 100000000000"
    piece = b"186a0\r\n" + bytes(100_000) + b"\r\n" if chunked else bytes(100_000)
    with service.connect() as connection:
        connection.sendall(service.request(length + "\r\n"))
        with pytest.raises(OSError):
            while sent < 500_000_000:
                sent += connection.send(piece)
    # What the kernel's buffers hold comes on top of what the server reads.
    assert sent < 30_000_000 and time.monotonic() - start < 10


@pytest.mark.parametrize(
    "tail", [b"1;" + b"x" * 500 + b"\r\n0\r\n", b"0\r\n" + b"a: " + b"b" * 500 + b"\r\n"]
)
def test_wrapping_that_is_larger_than_its_content_ends_the_connection(service, tail):
    """Chunk extensions and trailers count too, though no body comes out of them."""
    pieces = [service.request("transfer-encoding: chunked\r\n"), *[tail * 20] * 500]
    start = time.monotonic()
    service.raw(*pieces)
    assert time.monotonic() - start < 5
    status, _ = service.raw(*pieces[:3])
    assert status in (400, 408, 422)


def test_headers_are_limited(service):
    for headers in (f"a: {'b' * 5000}\r\n", "a: b\r\n" * 1000):
        status, data = service.raw(service.request(headers, "GET /healthz"))
        assert status == 400 and b'"bad_request"' in data
    status, _ = service.raw(b"GET / HTTP/1.1\r\na: ", *[b"b" * 10_000] * 300)
    assert status in (0, 400)
    status, _ = service.raw(b"GET /" + b"b" * 1_000_000)
    assert status in (0, 400)


def test_slow_headers_end_the_connection(service):
    start = time.monotonic()
    status, data = service.raw(b"GET / HTTP/1.1\r\na: ", *[b"b"] * 30, pause=0.05)
    assert status == 408 and b'"slow_request"' in data
    for beginning in (b"", b"\r\n"):  # nothing at all
        status, _ = service.raw(beginning)
        assert status == 0
    assert time.monotonic() - start < 8


def test_slow_bodies_are_refused(service):
    start = time.monotonic()
    status, data = service.raw(service.request("content-length: 1000\r\n"), GOOD[:100])
    assert status == 408 and b'"slow_request"' in data
    assert 0.9 < time.monotonic() - start < 5
    # Ten bytes at a time are as slow as nothing; 300 kB a second earn more time.
    head = service.request(f"content-length: {BODY}\r\nconnection: close\r\n")
    assert service.raw(head, *[b"0123456789"] * 25, pause=0.05)[0] == 408
    data = GOOD + bytes(BODY - len(GOOD))
    pieces = [data[start : start + 10_000] for start in range(0, BODY, 10_000)]
    assert service.raw(head, *pieces, pause=0.05)[0] == 200


def test_idle_connections_are_closed(service):
    start = time.monotonic()
    status, _ = service.raw(service.request("", "GET /healthz"))
    assert status == 200 and 0.9 < time.monotonic() - start < 4
    # The same where a request's body never comes after an early answer.
    status, _ = service.raw(service.request("content-length: 99\r\n", "GET /healthz"), b"1")
    assert status == 200 and time.monotonic() - start < 8


@pytest.mark.parametrize("last", ["close", "keep-alive"])
def test_clients_that_do_not_take_their_answers_are_cut(service, last):
    body = parts(*[GOOD] * 3)
    head = f"content-type: {MULTIPART}\r\ncontent-length: {len(body)}\r\nconnection: {last}\r\n"
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", service.port))
        connection.sendall(service.request(head, "POST /v1/predict?heat_map=true") + body)
        mine = connection.getsockname()

        def unsent() -> list[int]:
            connections = list(service.server.server_state.connections)
            return [
                server_side.transport.get_write_buffer_size()
                for server_side in connections
                if server_side.client == mine
            ]

        until(lambda: unsent() and unsent()[0] > 0)
        until(lambda: not unsent(), seconds=5)


def test_images_of_a_request_are_limited(service):
    assert service.post(parts(*[GOOD] * 3), content_type=MULTIPART).status_code == 200
    answer = service.post(parts(*[GOOD] * 4), content_type=MULTIPART)
    assert (answer.status_code, code(answer)) == (413, "too_many_pictures")
    small = b"--XX\r\n\r\n\r\n" * (BODY // 12)
    start = time.monotonic()
    answer = service.post(small + b"--XX--\r\n", content_type=MULTIPART)
    assert code(answer) == "too_many_pictures" and time.monotonic() - start < 1


def together(service, contents) -> list:
    answers = [None] * len(contents)

    def ask(number):
        with service.connect() as connection:
            head = service.request(
                f"content-length: {len(contents[number])}\r\nconnection: close\r\n"
            )
            with contextlib.suppress(OSError):
                connection.sendall(head + contents[number])
            answers[number] = everything(connection)

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(contents))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return answers


def test_work_in_flight_is_limited_and_says_when_to_come_again(service):
    answers = together(service, [SLOW] * 12)
    statuses = [status for status, _ in answers]
    assert set(statuses) == {200, 503} and statuses.count(200) >= 4
    for status, data in answers:
        if status == 503:
            assert b"retry-after: 1\r\n" in data and b'"busy"' in data


def test_memory_for_bodies_is_limited(service):
    """Many large bodies at once, none of which ends: beyond three times the limit all are busy."""
    connections = [service.connect() for _ in range(6)]
    for connection in connections:
        head = service.request(f"content-length: {BODY}\r\n")
        connection.sendall(head + bytes(BODY - 1))
    statuses = [everything(connection)[0] for connection in connections]
    for connection in connections:
        connection.close()
    assert set(statuses) == {408, 503} and statuses.count(408) <= 3


def test_floods_of_connections_are_answered_or_cut(service):
    answers = together(service, [GOOD] * 300)
    statuses = [status for status, _ in answers]
    assert set(statuses) <= {0, 200, 503} and statuses.count(200) >= 4
    assert statuses.count(503) > 100


def test_what_abandoned_clients_asked_for_is_dropped(service):
    before = service.count("classifier_abandoned_total")
    decoded = service.count("classifier_batch_pictures_sum")
    for _ in range(4):
        with service.connect() as connection:
            connection.sendall(service.request(f"content-length: {len(SLOW)}\r\n") + SLOW)
    until(service.quiet)
    until(lambda: service.count("classifier_abandoned_total") == before + 4)
    assert service.count("classifier_batch_pictures_sum") == decoded


def test_slow_work_is_given_up(whole_run):
    with Service(whole_run, Limits(work_seconds=0.2, decoders=1)) as other:
        answer = other.post(SLOW)
        assert (answer.status_code, code(answer)) == (504, "timed_out")
        until(lambda: other.post(GOOD).status_code == 200)
