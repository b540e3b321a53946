"""Saving of the complete model, so that equal models are equal bytes."""

import io
import json
import zipfile
from pathlib import Path

import keras

from common.files import atomic_file, sha256_of, write_json
from networks.classifier import CARD_FILE, MODEL_FILE


def save_classifier(folder: Path, model: keras.Model, card: dict) -> None:
    """Writes the model and its card into a folder.

    Args:
        folder: where to.
        model: from `classifier.compose`.
        card: class_names, image_size, resize, max_pixels, frozen and whatever else describes the
            model; the file's sha256 is added.
    """
    path = Path(folder) / MODEL_FILE
    with atomic_file(path) as temporary:
        model.save(temporary)
        normalise(temporary)
    write_json(Path(folder) / CARD_FILE, card | {"sha256": sha256_of(path)})


def normalise(path: Path) -> None:
    """Rewrites a .keras file so that equal models are equal bytes.

    Keras puts the date, zip times and memory addresses (shared_object_id) into it.
    """
    with zipfile.ZipFile(path) as source:
        members = {name: source.read(name) for name in sorted(source.namelist())}
    metadata = json.loads(members["metadata.json"])
    metadata["date_saved"] = "1980-01-01@00:00:00"
    members["metadata.json"] = _dump(metadata)
    members["config.json"] = _dump(_number_shared_objects(json.loads(members["config.json"]), {}))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as target:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.external_attr = 0o644 << 16
            target.writestr(info, content)
    path.write_bytes(stream.getvalue())


def _number_shared_objects(value, numbers: dict[int, int]):
    """Replaces memory addresses by the order in which they appear."""
    if isinstance(value, list):
        return [_number_shared_objects(item, numbers) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: numbers.setdefault(item, len(numbers) + 1)
        if key == "shared_object_id"
        else _number_shared_objects(item, numbers)
        for key, item in value.items()
    }


def _dump(content) -> bytes:
    return json.dumps(content, sort_keys=False, separators=(",", ":")).encode()
