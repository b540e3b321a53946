"""JSON schemas of the HTTP API, for /openapi.json and for tests.

Responses are not built through them: validating the server's own output costs time and finds
nothing.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from app.serve.errors import STATUSES

Share = Field(ge=0, le=1)


class Form(BaseModel):
    """An object with exactly the named fields."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ErrorBody(Form):
    """An error."""

    code: Literal[tuple(STATUSES)]
    message: str = Field(description="expected, received, how to mend it")
    id: str = Field(pattern="^[0-9a-f]{8}$", description="of the entry in the server's log")


class Failure(Form):
    """The error of a request, or of one of its images."""

    error: ErrorBody


class Answered(Form):
    """The model's prediction for an image."""

    probabilities: dict[str, float] = Field(description="by class, in the model's order")
    likeliest: str
    confidence: float = Share
    decision: str | None = Field(description="the class to act on; null: the model abstains")
    abstained: bool
    heat_map: str | None = Field(
        description="data: URL of an RGBA PNG to lay over the upright image; null unless requested"
    )


class Answers(Form):
    """Predictions or errors of the images, in order."""

    model: str = Field(pattern="^[0-9a-f]{12}$", description="first digits of its sha256")
    predictions: list[Answered | Failure]


class Decision(Form):
    """decision.json: threshold and abstention."""

    model_config = ConfigDict(extra="allow", strict=True)
    classes: list[str]
    positive: str | None
    threshold: float | None
    abstain_below: float | None


class LimitsOfRequests(Form):
    """Limits of a request."""

    body_bytes: int
    pictures: int  # images; the name that the API has had from the first release


class Measured(Form):
    """A metric of the test split and its 95 % interval."""

    value: float | None
    low: float | None
    high: float | None
    words: str = Field(description="name for people")
    fraction: bool = Field(description="whether it lies between 0 and 1")


class Trained(Form):
    """Training settings."""

    backbone: str | list[str]
    attention: str
    trainable: str | int


class Model(Form):
    """The served model."""

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
    """An image of the test split."""

    url: str
    label: str


class Examples(Form):
    """Images to try; none without a dataset."""

    examples: list[Example]


class State(Form):
    """State of the server."""

    status: Literal["ok", "ready"]


def failures(*codes: str) -> dict[int, dict]:
    """FastAPI's `responses` for errors with these codes and for those of every route."""
    responses: dict[int, dict] = {}
    for code in (*codes, "wrong_host", "internal", "busy"):
        entry = responses.setdefault(STATUSES[code], {"model": Failure, "description": code})
        if code not in entry["description"]:
            entry["description"] += f", {code}"
    responses[503]["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    return responses


_BINARY = {"schema": {"type": "string", "format": "binary"}}
PREDICT_BODY = {
    "required": True,
    "description": "one image as it is; or multipart/form-data with one or several images, "
    "whatever their fields are called",
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
