"""Summary of the stage: the numbers of its metrics file and the words of its closing line."""

import math
from collections.abc import Sequence

from networks.engine import Engine

FLOAT16_BYTES = 2

Shapes = dict[str, Sequence[int]]  # split to (n, views, height, width, channels)


def stored_bytes(shapes: Shapes) -> int:
    """Size of all cached maps."""
    return sum(math.prod(shape) * FLOAT16_BYTES for shape in shapes.values())


def metrics_of(
    names: Sequence[str],
    parameters: int,
    map_shape: Sequence[int],
    shapes: Shapes,
    n_images: dict[str, int],
    engine: Engine,
) -> dict:
    """The content of the stage's metrics file.

    Args:
        names: of the backbone's networks.
        parameters: how many numbers the backbone holds.
        map_shape: (height, width, channels) of its maps.
        shapes: of the cached maps; empty where none are cached.
        n_images: of each split.
        engine: that computed the maps.
    """
    return {
        "backbone": " + ".join(names),
        "parameters": parameters,
        "map_shape": list(map_shape),
        "views": shapes["train"][1] if shapes else None,
        "pictures": n_images,
        "bytes": stored_bytes(shapes),
        "engine": engine.name,
        "precision": engine.precision,
    }


def summary_of(
    names: Sequence[str], map_shape: Sequence[int], shapes: Shapes, engine: Engine
) -> str:
    """The stage's closing line; arguments as of `metrics_of`."""
    backbone = " + ".join(names)
    if not shapes:
        return f"nothing to cache: {backbone} starts from random weights"
    passes = sum(shape[0] * shape[1] for shape in shapes.values())
    size = stored_bytes(shapes) / 1e6
    map_size = "x".join(map(str, map_shape))
    return (
        f"{passes:,} views through {backbone} by {engine.name} in {engine.precision}, "
        f"maps {map_size}, {size:,.0f} MB"
    )
