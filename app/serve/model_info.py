"""Information about the served model: settings, test metrics, model card, example images."""

import logging
from pathlib import Path

from markdown_it import MarkdownIt

from app.predictor import Predictor
from app.serve.decoder_process import SERVED
from app.serve.settings import Settings
from common.errors import StageError
from common.files import read_json
from common.metric_names import METRICS
from common.tables.dataset import Dataset
from common.turns import in_turn

LOG = logging.getLogger("app.serve")

FORMATS = tuple(SERVED)
ACCEPT = ".jpg,.jpeg,.png,.webp,.gif,.bmp,.avif"
EXAMPLES = 12


def describe(predictor: Predictor, settings: Settings) -> dict:
    """The JSON object of /v1/model."""
    model = predictor.card["params"]["model"]
    return {
        "class_names": predictor.class_names,
        "image_size": list(predictor.preprocessing.image_size),
        "resize": predictor.preprocessing.resize,
        "max_pixels": predictor.preprocessing.max_pixels,
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
    """Metrics of the test split with their 95 % intervals and their names for people.

    Args:
        path: of metrics/evaluate.json, or None.

    Returns:
        By name, in the order of METRICS: value, low, high (null where there is no interval), words,
        and fraction: whether it lies between 0 and 1. None where there is no file.

    Raises:
        StageError: it is not JSON, or has no test.
    """
    if path is None or not path.is_file():
        return None
    try:
        test = read_json(path)["test"]
        bounds = ("_low", "_high")
        names = [
            name
            for name, value in test.items()
            if not isinstance(value, dict) and not name.endswith(bounds)
        ]
        order = {name: place for place, name in enumerate(METRICS)}
        names.sort(key=lambda name: order.get(name, len(order)))
        return {
            name: {
                "value": test[name],
                **{bound[1:]: test.get(name + bound) for bound in bounds},
                **describe_metric(name),
            }
            for name in names
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StageError(
            f"Expected {path} as `dvc repro evaluate` writes it. Received: {error!r}. "
            "Write it again, or leave out --metrics."
        ) from None


def describe_metric(name: str) -> dict:
    """How to show a metric, of METRICS or any other: its words, and whether it is a fraction."""
    metric = METRICS.get(name)
    if metric is None:
        return {"words": name.replace("_", " "), "fraction": True}
    return {"words": metric.words, "fraction": metric.fraction}


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
        token.attrs.pop("style", None)  # set for aligned columns; forbidden by the content policy
    return markdown.renderer.render(tokens, markdown.options, {})


def read_examples(folder: Path | None, class_names: list[str]) -> list[tuple[str, bytes]]:
    """Some test images as (label, PNG), of each class in turn; none without a dataset.

    Args:
        folder: data/dataset.
        class_names: the model's.
    """
    if folder is None or not (folder / "test").is_dir():
        return []
    test = Dataset(folder / "test")
    if test.class_names != class_names:
        LOG.warning("no examples: %s has other classes than the model", folder)
        return []
    rows = in_turn(test.label)[: max(EXAMPLES, len(class_names))]
    images = test.png_at(rows)
    return [(class_names[test.label[row]], images[row]) for row in rows.tolist()]
