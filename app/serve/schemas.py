"""The interface's forms, for its description (/openapi.json) and for tests.

Answers are not made through them: checking what the model has just said costs time and finds
nothing.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from app.serve.errors import STATUSES, ServiceError

Share = Field(ge=0, le=1)


class Form(BaseModel):
    """No other fields than those named."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ErrorBody(Form):
    """What went wrong."""

    code: Literal[tuple(STATUSES)]
    message: str = Field(description="expected, received, how to mend it")
    id: str = Field(pattern="^[0-9a-f]{8}$", description="stands in the server's log")


class Failure(Form):
    """A request, or one of its images, without an answer."""

    error: ErrorBody


class Answered(Form):
    """What the model says of an image."""

    probabilities: dict[str, float] = Field(description="by class, in the model's order")
    likeliest: str
    confidence: float = Share
    decision: str | None = Field(description="the class to act on; null: the model abstains")
    abstained: bool
    heat_map: str | None = Field(
        description="data: URL of an RGBA PNG to lay over the upright picture; null unless asked"
    )


class Answers(Form):
    """Of each image, in order."""

    model: str = Field(pattern="^[0-9a-f]{12}$", description="first digits of its sha256")
    predictions: list[Answered | Failure]


class Decision(Form):
    """decision.json: from which probability on to answer, and what."""

    model_config = ConfigDict(extra="allow", strict=True)
    classes: list[str]
    positive: str | None
    threshold: float | None
    abstain_below: float | None


class LimitsOfRequests(Form):
    """How much a request may carry."""

    body_bytes: int
    pictures: int  # the name that the interface has had from the start


class Measured(Form):
    """A figure of the test and its 95 % interval."""

    value: float | None
    low: float | None
    high: float | None


class Trained(Form):
    """Settings of the training."""

    backbone: str | list[str]
    attention: str
    trainable: str | int


class Model(Form):
    """What answers."""

    class_names: list[str]
    image_size: list[int] = Field(min_length=2, max_length=2, description="height, width in px")
    resize: Literal["stretch", "crop", "pad"]
    max_pixels: int = Field(description="limit on width x height")
    calibrated: bool
    sha256: str
    decision: Decision
    limits: LimitsOfRequests
    formats: list[str]
    accept: str = Field(description="file endings, as <input accept> takes them")
    metrics: dict[str, Measured] | None
    trained: Trained
    card_html: str | None


class Example(Form):
    """An image of the test."""

    url: str
    label: str


class Examples(Form):
    """Images to try; none where there is no data set."""

    examples: list[Example]


class State(Form):
    """How the server is."""

    status: Literal["ok", "ready"]


def failures(*codes: str) -> dict[int, dict]:
    """FastAPI's `responses` for errors of these codes and for those of every route."""
    found: dict[int, dict] = {}
    for code in (*codes, "wrong_host", "internal", "busy"):
        error = ServiceError(code, "Expected …. Received: …. How to mend it.")
        entry = found.setdefault(error.status, {"model": Failure, "description": code})
        if code not in entry["description"]:
            entry["description"] += f", {code}"
    found[503]["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    return found


_BINARY = {"schema": {"type": "string", "format": "binary"}}
PREDICT_BODY = {
    "required": True,
    "description": "one picture as it is; or multipart/form-data with one or several, whatever "
    "their fields are called",
    "content": {
        "application/octet-stream": _BINARY,
        "image/*": _BINARY,
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "additionalProperties": {"type": "string", "format": "binary"},
            }
        },
    },
}
PREDICT_EXAMPLE = {
    "model": "c494795eefa7",
    "predictions": [
        {
            "probabilities": {"cat": 0.75, "dog": 0.25},
            "likeliest": "cat",
            "confidence": 0.75,
            "decision": "cat",
            "abstained": False,
            "heat_map": "data:image/png;base64,iVBORw0KGgo",
        }
    ],
}
