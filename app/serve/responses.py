"""Predictions as JSON objects of /v1/predict."""

import base64
import io

from app.overlay import layer, whole_heat
from app.predictor import Prediction

LONG_SIDE = 256  # px of a heat map, at most: the model's grid is coarse, browsers interpolate


def prediction_json(prediction: Prediction, heat_map: str | None) -> dict:
    """The JSON object of one image's prediction.

    Args:
        prediction: of the image.
        heat_map: from `heat_url`.
    """
    return {
        "probabilities": prediction.probabilities,
        "likeliest": prediction.likeliest,
        "confidence": prediction.confidence,
        "decision": prediction.decision,
        "abstained": prediction.abstained,
        "heat_map": heat_map,
    }


def heat_url(
    prediction: Prediction, aspect: float, image_size: tuple[int, int], resize: str
) -> str:
    """The heat map over the whole image as a data: URL of an RGBA PNG.

    Args:
        prediction: with a heat map.
        aspect: width / height of the whole image.
        image_size: (height, width) in px of the model's view.
        resize: how the image was resized to it: stretch, crop or pad.
    """
    size = (
        max(1, round(LONG_SIDE / max(1, aspect))),
        max(1, round(LONG_SIDE * min(1, aspect))),
    )
    stream = io.BytesIO()
    image = layer(whole_heat(prediction.heat_map, size, image_size, resize))
    image.save(stream, format="PNG", compress_level=1)  # 6: a third smaller in 6 times the time
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()
