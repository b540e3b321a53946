"""Settings and limits of the service, fixed at its start."""

import dataclasses
import os
from pathlib import Path

STATIC = Path(__file__).parent / "static"


@dataclasses.dataclass(frozen=True)
class Limits:
    """The largest amount of each resource that clients may use.

    Attributes:
        body_bytes: bytes of a request's body.
        body_memory: bytes of all bodies in memory.
        images: images in one request.
        pixels: width x height of an image. Lower than training's limit, and the resolution of
            large phone cameras: at 50 megapixels a decoder process took up to 0.6 GB for RGB,
            1.0 GB with transparency and 1.4 GB for 16-bit grey (measured), and each core may have
            one.
        in_flight: images being decoded, waiting or being predicted; 503 beyond.
        connections: open connections; 503 beyond. Well below the 1024 files that a process may
            usually open.
        header_bytes: bytes of a request line and its headers.
        header_seconds: time until a request's headers are complete.
        idle_seconds: time that a connection without a request is kept open.
        body_seconds: time until a body is complete, extended by 1 s for each `body_rate` bytes.
        body_rate: the lowest rate of a body in bytes/s.
        work_seconds: time until a response is ready; 504 beyond.
        decode_seconds: time for one image; then its decoder process is killed.
        decoders: images decoded at a time.
        decoder_bytes: memory of each decoder process, beyond what it needs to start.
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
    """Model, allowed hosts and limits of the service.

    Attributes:
        model: the folder with classifier/ and decision.json.
        allowed_hosts: host names that requests may carry, without port, in lower case; "*" for
            any.
        precision: one of precision.PRECISIONS.
        batch_size: images predicted together, at most. More than 8 delay responses without making
            the model faster: EfficientNet-Lite0 took 22 ms per image alone, 17 ms in batches of
            4, 8 or more (2 cores).
        metrics: path of metrics/evaluate.json, or None.
        dataset: data/dataset, for example images, or None.
        limits: of requests and resources.
    """

    model: Path
    allowed_hosts: frozenset[str] = frozenset({"localhost", "127.0.0.1", "[::1]"})
    precision: str = "float32"
    batch_size: int = 8
    metrics: Path | None = None
    dataset: Path | None = None
    limits: Limits = dataclasses.field(default_factory=Limits)
