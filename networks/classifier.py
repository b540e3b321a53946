"""The complete model, RGB pixels in and probabilities out: composed and opened."""

import dataclasses
from pathlib import Path

import keras

from common.errors import StageError
from common.files import read_json, sha256_of
from common.preprocessing import Preprocessing, from_json
from common.values import as_list

MODEL_FILE = "classifier.keras"
CARD_FILE = "classifier.json"


@dataclasses.dataclass(frozen=True)
class Classifier:
    """An opened model.

    Attributes:
        model: float32 or uint8 pixels `(batch, height, width, 3)`, RGB, [0, 255] in; float32
            probabilities `(batch, n_classes)` out.
        backbone: its first part: pixels in, maps `(batch, h, w, channels)` out.
        head: its second part: maps in, probabilities out.
        class_names: in the order of the probabilities.
        preprocessing: how image files become its pixels.
        frozen: whether the backbone is as it was when the maps were cached.
        backbone_names: of its networks, as in model.backbone.
    """

    model: keras.Model
    backbone: keras.Model
    head: keras.Model
    class_names: list[str]
    preprocessing: Preprocessing
    frozen: bool
    backbone_names: list[str]


def compose(backbone: keras.Model, head: keras.Model) -> keras.Model:
    """Puts backbone and head together; both stay reachable as layers of their names.

    The head's layers are shared, but not its optimizer, which would be saved with the model.
    """
    head = keras.Model(head.input, head.output, name=head.name)
    pixels = keras.Input(backbone.input_shape[1:], name="pixels")
    return keras.Model(pixels, head(backbone(pixels)), name="classifier")


def load_classifier(folder: Path) -> Classifier:
    """Opens a model that the stage train saved, after checking its sha256.

    Raises:
        StageError: files missing, or the model's bytes are not the ones that were saved, or they
            hold code.
    """
    path, card_path = Path(folder) / MODEL_FILE, Path(folder) / CARD_FILE
    for file in (path, card_path):
        if not file.is_file():
            raise StageError(f"Expected a model in {folder}. Received: no {file.name}. Train one.")
    card = read_json(card_path)
    checksum = sha256_of(path)
    if checksum != card["sha256"]:
        raise StageError(
            f"Expected {path} with sha256 {card['sha256']}. Received: {checksum}. The file was "
            "changed or damaged since training; get it again with `dvc checkout`, or train anew."
        )
    try:
        model = keras.saving.load_model(path, compile=False)  # safe mode: no code from the file
    except (ValueError, TypeError) as error:
        reason = str(error).split(". ")[0]
        raise StageError(
            f"Expected {path} to be a model that Keras {keras.__version__} opens without running "
            f"code from the file. Received: {reason}. Train it anew."
        ) from error
    return Classifier(
        model,
        model.get_layer("backbone"),
        model.get_layer("head"),
        card["class_names"],
        from_json(card),
        card["frozen"],
        # Without, a card that somebody wrote by hand: no rule about networks applies to it.
        as_list(card.get("params", {}).get("model", {}).get("backbone", "")),
    )
