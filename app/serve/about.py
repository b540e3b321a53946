"""What the service tells of its model: settings, results, card, example images."""

import logging
from pathlib import Path

import numpy as np
from markdown_it import MarkdownIt

from app.predictor import Predictor
from app.serve.decoder_process import SERVED
from app.serve.settings import Settings
from common.errors import StageError
from common.files import read_json
from common.tables import Dataset

LOG = logging.getLogger("app.serve")

FORMATS = tuple(SERVED)
ACCEPT = ".jpg,.jpeg,.png,.webp,.gif,.bmp,.avif"
EXAMPLES = 12


def describe(predictor: Predictor, settings: Settings) -> dict:
    """The answer of /v1/model."""
    model = predictor.card["params"]["model"]
    return {
        "class_names": predictor.class_names,
        "image_size": list(predictor.image_size),
        "resize": predictor.resize,
        "max_pixels": predictor.max_pixels,
        "calibrated": predictor.calibrated,
        "sha256": predictor.card["sha256"],
        "decision": predictor.decision,
        "limits": {
            "body_bytes": settings.limits.body_bytes,
            "pictures": settings.limits.images,
        },
        "formats": list(FORMATS),
        "accept": ACCEPT,
        "metrics": read_metrics(settings.metrics),
        "trained": {name: model[name] for name in ("backbone", "attention", "trainable")},
        "card_html": read_card(settings.model / "README.md"),
    }


def read_metrics(path: Path | None) -> dict | None:
    """The test's figures of metrics/evaluate.json, each with its 95 % interval; None without.

    Raises:
        StageError: it is not JSON, or has no test.
    """
    if path is None or not path.is_file():
        return None
    try:
        test = read_json(path)["test"]
        bounds = ("_low", "_high")
        names = [name for name, value in test.items() if not isinstance(value, dict)]
        return {
            name: {"value": test[name], **{end[1:]: test.get(name + end) for end in bounds}}
            for name in names
            if not name.endswith(bounds)
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StageError(
            f"Expected {path} as `dvc repro evaluate` writes it. Received: {error!r}. "
            "Write it again, or leave out --metrics."
        ) from None


def read_card(path: Path) -> str | None:
    """A Markdown file as HTML, without its front matter; HTML inside it is shown as text."""
    if not path.is_file():
        return None
    text = path.read_text(encoding="utf-8")
    if text.startswith("---\n"):
        text = text.partition("\n---\n")[2]
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    for token in tokens:
        token.attrs.pop("style", None)  # of aligned columns; the content policy forbids it
    return markdown.renderer.render(tokens, markdown.options, {})


def read_examples(folder: Path | None, class_names: list[str]) -> list[tuple[str, bytes]]:
    """Some test images as (label, PNG), of each class in turn; none without a data set.

    Args:
        folder: data/dataset.
        class_names: the model's.
    """
    if folder is None or not (folder / "test").is_dir():
        return []
    test = Dataset(folder / "test")
    if test.class_names != class_names:
        LOG.warning("no examples: %s is of other classes than the model", folder)
        return []
    # Sorted by how many of the class came before: the first of each class, the second of each, …
    turn = np.empty(test.n, int)
    for label in range(len(class_names)):
        mine = np.flatnonzero(test.label == label)
        turn[mine] = np.arange(len(mine))
    rows = np.lexsort((test.label, turn))[: max(EXAMPLES, len(class_names))]
    images = test.png_at(rows)
    return [(class_names[test.label[row]], images[row]) for row in rows.tolist()]
