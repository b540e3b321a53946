"""Ten thousand random and mutated bodies: each gets a documented answer, none brings it down."""

import http.client
import os
import random
import threading
import time

from app.serve.errors import STATUSES
from app.serve.settings import Limits
from tests.helpers.images import image_bytes, make_image
from tests.helpers.serving import MULTIPART, Service, parts, until

COUNT = int(os.environ.get("FUZZ_BODIES", "10000"))
CONNECTIONS = 4
SMALL, LARGER = make_image(1, (16, 16)), make_image(2, (40, 30), "red")
VALID = [
    image_bytes(image, kind, **options)
    for image in (SMALL, LARGER)
    for kind, options in [
        ("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("WEBP", {}),
        ("WEBP", {"lossless": True}), ("GIF", {}), ("BMP", {}), ("TIFF", {}), ("AVIF", {}),
        ("PPM", {}), ("GIF", {"save_all": True, "append_images": [make_image(3, (16, 16))]}),
    ]
]  # fmt: skip
VALID.append(image_bytes(LARGER.convert("RGBA"), "PNG"))
VALID.append(image_bytes(LARGER.convert("P"), "PNG"))
NUMBERS = [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\xff\xff", b"\x80\0\0\0"]


def mutated(rng: random.Random) -> bytes:
    """An image with some of its bytes changed, cut out, doubled, or joined with another's."""
    data = bytearray(rng.choice(VALID))
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        # Half of the changes are in the first bytes, where the headers are.
        at = rng.randrange(rng.choice((min(64, len(data)), len(data))) or 1)
        kind = rng.randrange(6)
        if kind == 0:
            data[at : at + 1] = bytes([rng.randrange(256)])
        elif kind == 1:
            data[at : at + 4] = rng.choice(NUMBERS)
        elif kind == 2:
            del data[at : at + rng.randrange(1, 40)]
        elif kind == 3:
            data[at:at] = data[at : at + rng.randrange(1, 200)]
        elif kind == 4:
            other = rng.choice(VALID)
            data[at:] = other[rng.randrange(len(other)) :]
        else:
            del data[max(16, at) :]
    return bytes(data)


def body(number: int) -> tuple[bytes, str]:
    """The bytes and Content-Type of the request of that number."""
    rng = random.Random(number)
    kind = rng.randrange(20)
    if kind == 0:
        return rng.randbytes(rng.randrange(2000)), "image/png"
    if kind == 1:  # after what the formats begin with
        return rng.choice(VALID)[: rng.randrange(4, 24)] + rng.randbytes(500), "image/png"
    if kind == 2:
        data = bytearray(parts(*(mutated(rng) for _ in range(rng.randrange(1, 4)))))
        for _ in range(rng.randrange(3)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        return bytes(data), MULTIPART
    return mutated(rng), "image/jpeg"


def check(status: int, data: bytes) -> None:
    allowed = {200, *STATUSES.values()} - {500, 503, 504}
    assert status in allowed, (status, data[:300])
    assert data.startswith(b'{"model": ' if status == 200 else b'{"error": {"code": "')


def test_mutated_bodies_get_documented_answers(whole_run):
    numbers = iter(range(COUNT))
    lock, failures, statuses = threading.Lock(), [], {}

    def ask(port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while not failures:
            with lock:
                number = next(numbers, None)
            if number is None:
                break
            content, kind = body(number)
            try:
                connection.request("POST", "/v1/predict", content, {"content-type": kind})
                answer = connection.getresponse()
                data = answer.read()
                check(answer.status, data)
            except Exception as error:  # whatever it is: which body it was must be known
                failures.append((number, repr(error)))
            with lock:
                statuses[answer.status] = statuses.get(answer.status, 0) + 1
        connection.close()

    with Service(whole_run, Limits(decoders=2)) as service:
        before = [decoder._process.pid for decoder in service.worker.decoders._all]
        start = time.monotonic()
        threads = [threading.Thread(target=ask, args=(service.port,)) for _ in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.monotonic() - start
        assert failures == []
        assert sum(statuses.values()) == COUNT
        # Some images survive their changes; each kind of refusal is met.
        assert min(statuses[status] for status in (200, 415, 422)) > COUNT // 50
        until(service.quiet)
        assert service.post(VALID[0]).status_code == 200
        after = [decoder._process.pid for decoder in service.worker.decoders._all]
        died = len(set(after) - set(before))
        print(f"{COUNT} bodies in {seconds:.0f} s: {statuses}; decoders replaced: {died}")
