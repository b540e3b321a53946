"""export.json beside an exported model: how to feed it, and how exact it is."""

import dataclasses
from importlib.metadata import version
from pathlib import Path

from app.decision import DECISION_FILE
from app.export.comparison import Comparison
from app.export.formats import FORMATS, PIXELS, PROBABILITIES
from app.export.quantisation import FLOAT_OPS
from app.predictor import MODEL_FOLDER
from common.files import read_json, sha256_of
from networks.classifier import MODEL_FILE, Classifier

CARD_FILE = "export.json"


def describe(name: str, classifier: Classifier, models: Path) -> dict:
    """What a person needs to use the file without this project.

    Args:
        name: key of FORMATS.
        classifier: the exported model.
        models: the folder that it was opened from.
    """
    height, width = classifier.preprocessing.image_size
    decision = models / DECISION_FILE
    form = FORMATS[name]
    return {
        "format": name,
        "model": form.file or ".",
        "input": {
            "name": PIXELS,
            "dtype": "float32",
            "shape": [None, height, width, 3],
            "range": [0, 255],
            "meaning": "batch, height, width, RGB; not normalised: that is inside the model",
            "resize": classifier.preprocessing.resize,
        },
        "output": {
            "name": PROBABILITIES,
            "dtype": "float32",
            "shape": [None, len(classifier.class_names)],
            "range": [0, 1],
            "meaning": "batch, probability of each class, in the order of class_names",
        },
        "class_names": classifier.class_names,
        "image_size": [height, width],
        "decision": read_json(decision) if decision.is_file() else None,
        "kept_float": [*FLOAT_OPS, "all up to the first convolution"] if form.quantised else None,
        "source": {MODEL_FILE: sha256_of(models / MODEL_FOLDER / MODEL_FILE)},
        "versions": {
            package: version(package) for package in ("tensorflow", "keras", *form.packages)
        },
    }


def check_fields(comparison: Comparison) -> dict:
    """The comparison with the Keras model under the names that export.json has for it."""
    fields = dataclasses.asdict(comparison)
    fields["pictures"] = fields.pop("images")  # its name from the first release
    return fields


def file_fields(folder: Path) -> dict:
    """Size in bytes of all files in a folder, and the checksum of each."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        "bytes": sum(path.stat().st_size for path in files),
        "files": {path.relative_to(folder).as_posix(): sha256_of(path) for path in files},
    }


def in_words(comparison: Comparison, quantised: bool) -> str:
    """The comparison in one line."""
    text = (
        f"largest difference {comparison.largest_difference:.2g} on {comparison.images} images "
        f"({comparison.source})"
    )
    if not quantised or comparison.accuracy_keras is None:
        return text
    before, after = comparison.accuracy_keras, comparison.accuracy_export
    return (
        f"{text}, {comparison.mean_difference:.2g} in the mean, accuracy {before:.4f} before and "
        f"{after:.4f} after ({after - before:+.4f})"
    )
