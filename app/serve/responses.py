"""Predictions as JSON holds them."""

import base64
import io

from app.overlay import layer, whole_heat
from app.predictor import Prediction

LONG_SIDE = 256  # px, at most: the model's grid is coarse, and a browser enlarges smoothly


def item(answer: Prediction, heat_map: str | None) -> dict:
    """One image's answer.

    Args:
        answer: the model's.
        heat_map: from `heat_url`.
    """
    return {
        "probabilities": answer.probabilities,
        "likeliest": answer.likeliest,
        "confidence": answer.confidence,
        "decision": answer.decision,
        "abstained": answer.abstained,
        "heat_map": heat_map,
    }


def heat_url(answer: Prediction, aspect: float, image_size: tuple[int, int], resize: str) -> str:
    """The heat map over the whole image as a data: URL of an RGBA PNG.

    Args:
        answer: with a heat map.
        aspect: width / height of the whole image.
        image_size: (height, width) in px of the model's view.
        resize: how the image was brought to that size.
    """
    size = (
        max(1, round(LONG_SIDE / max(1, aspect))),
        max(1, round(LONG_SIDE * min(1, aspect))),
    )
    stream = io.BytesIO()
    image = layer(whole_heat(answer.heat_map, size, image_size, resize))
    image.save(stream, format="PNG", compress_level=1)  # 6 takes 6 times as long to save a third
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()
