"""What the service is told at its start; the rest of the package reads it from here."""

import dataclasses
import os
from pathlib import Path

STATIC = Path(__file__).parent / "static"


@dataclasses.dataclass(frozen=True)
class Limits:
    """How much of anything the service accepts.

    Attributes:
        body_bytes: of a request's body.
        body_memory: bytes of all bodies that are being read or worked on.
        images: in one request.
        pixels: width x height of an image. Lower than what training takes, and what large phone
            cameras give: at 50 megapixels a decoder's process took up to 0.6 GB for RGB, 1.0 GB
            with transparency and 1.4 GB for 16-bit grey (measured), and each core may have one.
        in_flight: images being decoded, waiting or being looked at; 503 beyond.
        connections: open at a time; 503 beyond. Well below the 1024 files that a process
            may usually open.
        header_bytes: of a request's line and headers.
        header_seconds: until a request's headers are complete.
        idle_seconds: that a connection without a request is kept.
        body_seconds: until a body is complete, prolonged by a second for each `body_rate` bytes.
        body_rate: bytes/s, the least that a body must come with.
        work_seconds: until an answer is there; 504 beyond.
        decode_seconds: for one image; its decoder is stopped then.
        decoders: images being decoded at a time.
        decoder_bytes: of memory for each of them, beyond what it needs to start.
    """

    body_bytes: int = 10_000_000
    body_memory: int = 256_000_000
    images: int = 32
    pixels: int = 50_000_000
    in_flight: int = 64
    connections: int = 512
    header_bytes: int = 32_768
    header_seconds: float = 10
    idle_seconds: float = 30
    body_seconds: float = 20
    body_rate: int = 50_000
    work_seconds: float = 30
    decode_seconds: float = 10
    decoders: int = dataclasses.field(default_factory=lambda: os.cpu_count() or 1)
    decoder_bytes: int = 1_500_000_000


@dataclasses.dataclass(frozen=True)
class Settings:
    """Where the model is, whom to answer and within what limits.

    Attributes:
        model: the folder with classifier/ and decision.json.
        allowed_hosts: names by which the service may be called, without port, in lower case; "*"
            for any.
        precision: as `Predictor`'s.
        batch_size: images that are looked at together, at most. More than 8 make answers late
            and the model no faster: EfficientNet-Lite0 took 22 ms an image one by one, 17 ms in
            fours, eights or more (2 cores).
        metrics: metrics/evaluate.json, or None.
        dataset: data/dataset, for examples, or None.
        limits: see there.
    """

    model: Path
    allowed_hosts: frozenset[str] = frozenset({"localhost", "127.0.0.1", "[::1]"})
    precision: str = "float32"
    batch_size: int = 8
    metrics: Path | None = None
    dataset: Path | None = None
    limits: Limits = dataclasses.field(default_factory=Limits)
