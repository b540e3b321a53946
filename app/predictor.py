"""Predictor: the trained model, opened; the one way in which app/ loads and asks it.

    predictor = Predictor("models")
    answer = predictor.predict(["a.jpg"])[0]
    answer.decision, answer.probabilities["other"]

Images pass through the pipeline's own decoding and resizing (common/images.py), so a file gets the
probabilities that the pipeline would give it.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from app.decision import DECISION_FILE, decide, read_decision
from app.precision import PRECISIONS
from common import cli
from common.files import read_json
from common.images import ImageError, Prepared, prepare, resize, to_rgb
from common.preprocessing import Greys
from networks.cam import head_activations, heat_map
from networks.classifier import CARD_FILE, load_classifier
from networks.engine import BFLOAT16, FLOAT32, choose_engine, frozen_classifier

MODEL_FOLDER = "classifier"
SURE = 0.99  # with bfloat16, the least probability that is not computed again in float32
HEAT_METHOD = "gradcam"  # the only one of cam.METHODS that beat a random map on every set measured

Source = str | Path | bytes | Image.Image | np.ndarray


@dataclasses.dataclass(frozen=True)
class Prediction:
    """The model's prediction for an image.

    Attributes:
        probabilities: class name to probability, in the model's order; they add up to 1.
        likeliest: the class of the largest probability.
        decision: the class to act on: of two classes the positive one from its threshold on, of
            more the likeliest. None where the model abstains.
        abstained: whether the largest probability is below decision.json's abstain_below.
        heat_map: float32 (h, w) in [0, 1], of the model's view of the image: the evidence for
            the likeliest class. None unless requested.
    """

    probabilities: dict[str, float]
    likeliest: str
    decision: str | None
    abstained: bool
    heat_map: np.ndarray | None = None

    @property
    def confidence(self) -> float:
        """The largest probability."""
        return self.probabilities[self.likeliest]


class Predictor:
    """An opened model folder.

    Attributes:
        class_names: in the order of the probabilities.
        preprocessing: how files become pixels of the model's input: their size, the manner of
            resizing, the limit on the width x height of files.
        batch_size: images per step, at most.
        card: classifier.json: training settings, checksum.
        decision: decision.json: positive, threshold, rule, abstain_below, abstain_target.
        calibrated: whether a temperature was fitted and is part of the model.
    """

    def __init__(self, model_dir: str | Path, precision: str = "float32", batch_size: int = 32):
        """Opens the model after checking its sha256; no code from the file runs.

        Args:
            model_dir: the folder with classifier/ and decision.json.
            precision: one of PRECISIONS. "bfloat16" is faster with large backbones on processors
                with instructions for it. Images whose largest probability is then below SURE are
                computed again in float32, so that no probability is off by more than about 0.01,
                and none near a threshold is off at all.
            batch_size: images per step, at most.

        Raises:
            StageError: files are missing or damaged, or do not belong together.
            ValueError: unknown precision, or a batch size below 1.
        """
        if precision not in PRECISIONS:
            raise ValueError(f"Expected precision to be one of {PRECISIONS}. Got: {precision!r}")
        if batch_size < 1:
            raise ValueError(f"Expected batch_size to be at least 1. Received: {batch_size}")
        folder = Path(model_dir) / MODEL_FOLDER
        classifier = load_classifier(folder)
        self.class_names = classifier.class_names
        self.preprocessing, self.batch_size = classifier.preprocessing, batch_size
        self.card = read_json(folder / CARD_FILE)
        self.calibrated = self.card.get("temperature", 1) != 1  # old cards have no temperature
        self.decision = read_decision(Path(model_dir) / DECISION_FILE, self.class_names)
        self._activations = head_activations(classifier.head)
        engine = choose_engine("auto", precision, classifier.backbone_names, "predictor")
        parts = (classifier.backbone, classifier.head)
        self._exact = frozen_classifier(*parts, engine._replace(precision=FLOAT32))
        self._fast = frozen_classifier(*parts, engine) if engine.precision == BFLOAT16 else None
        self._exact.compare(example_images(self.preprocessing.image_size))

    def prepare(self, image: Source) -> Prepared:
        """Decodes and resizes an image.

        Args:
            image: a file's path or its bytes; or a PIL image; or an array (height, width, 3)
                or (height, width), uint8 or float, in [0, 255].

        Raises:
            ImageError: the bytes give no usable image.
            OSError: the file cannot be read.
            ValueError: the array's shape, dtype or range is another.
            TypeError: `image` is of another type.
        """
        if isinstance(image, str | Path):
            image = Path(image).read_bytes()
        if isinstance(image, bytes | bytearray | memoryview):
            return prepare(bytes(image), self.preprocessing)
        image = _as_image(image, self.preprocessing.greys)
        pixels = np.asarray(resize(image, self.preprocessing.image_size, self.preprocessing.resize))
        return Prepared(pixels, image.width / image.height)

    def ask(self, pixels: np.ndarray, heat_maps: bool | Sequence[bool] = False) -> list[Prediction]:
        """Predictions of prepared images.

        Args:
            pixels: uint8 (n, height, width, 3), of the model's size; any n.
            heat_maps: whether to make heat maps: for all, or for each image.
        """
        with_heat = np.broadcast_to(np.asarray(heat_maps, bool), len(pixels))
        predictions = []
        for start in range(0, len(pixels), self.batch_size):
            batch = slice(start, start + self.batch_size)
            maps, probabilities = self._forward(np.asarray(pixels[batch], np.uint8))
            heats = self._heats(maps, probabilities, with_heat[batch])
            predictions += map(self._prediction, probabilities, heats)
        return predictions

    def predict(self, images: Iterable[Source], heat_maps: bool = False) -> list[Prediction]:
        """Predictions of images of any kind that `prepare` takes, in order.

        Raises:
            ImageError, OSError, ValueError, TypeError: for the first image that cannot be used;
                `stream` continues instead.
        """
        predictions = []
        for _, result in self.stream(images, heat_maps):
            if isinstance(result, Exception):
                raise result
            predictions.append(result)
        return predictions

    def stream(
        self, images: Iterable[Source], heat_maps: bool = False
    ) -> Iterator[tuple[Source, Prediction | ImageError | OSError | ValueError | TypeError]]:
        """Yields each image with its prediction, or with the exception that preparing it raised.

        In order, decoded by several threads, a batch at a time: no more than a few batches are
        ever in memory. `images` may be a generator.
        """
        attempts = cli.parallel_map(self._try_to_prepare, images)
        while batch := list(islice(attempts, self.batch_size)):
            usable = [result.pixels for _, result in batch if isinstance(result, Prepared)]
            predictions = iter(self.ask(np.stack(usable), heat_maps) if usable else ())
            for image, result in batch:
                yield image, next(predictions) if isinstance(result, Prepared) else result

    def warm_up(self) -> None:
        """Predicts blank images once, alone and as a batch: the first calls are slow."""
        for count in (1, self.batch_size):
            self.ask(np.zeros((count, *self.preprocessing.image_size, 3), np.uint8), heat_maps=True)

    def _prediction(
        self, probabilities: np.ndarray, heat_map: np.ndarray | None = None
    ) -> Prediction:
        """Applies threshold and abstention to probabilities, float (n_classes,)."""
        named = dict(zip(self.class_names, map(float, probabilities), strict=True))
        decision = decide(named, self.decision)
        return Prediction(named, max(named, key=named.get), decision, decision is None, heat_map)

    def _try_to_prepare(self, image: Source) -> tuple[Source, Prepared | Exception]:
        try:
            return image, self.prepare(image)
        except (ImageError, OSError, ValueError, TypeError) as error:
            return image, error

    def _forward(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Maps, float32 (n, h, w, channels), and probabilities, float64 (n, n_classes)."""
        maps, probabilities = (self._fast or self._exact)(pixels)
        if self._fast:
            unsure = np.flatnonzero(probabilities.max(axis=1) < SURE)
            if len(unsure):
                maps[unsure], probabilities[unsure] = self._exact(pixels[unsure])
        return maps, probabilities.astype(np.float64)

    def _heats(
        self, maps: np.ndarray, probabilities: np.ndarray, with_heat: np.ndarray
    ) -> Iterable[np.ndarray | None]:
        heats: list[np.ndarray | None] = [None] * len(with_heat)
        rows = np.flatnonzero(with_heat)
        if len(rows):
            views = self._activations(maps[rows], probabilities[rows].argmax(axis=1))
            for row, heat in zip(rows, heat_map(HEAT_METHOD, views), strict=True):
                heats[row] = heat
        return heats


def example_images(size: tuple[int, int]) -> np.ndarray:
    """Soft random colours, to check an engine with: uint8 (2, height, width, 3)."""
    grid = np.random.default_rng(0).integers(0, 256, (2, 5, 5, 3), np.uint8)
    return np.stack([np.asarray(resize(Image.fromarray(cells), size, "stretch")) for cells in grid])


def _as_image(image: Image.Image | np.ndarray, greys: Greys) -> Image.Image:
    if isinstance(image, Image.Image):
        return to_rgb(image, greys)
    if not isinstance(image, np.ndarray):
        raise TypeError(
            "Expected a path, bytes, a PIL image or a NumPy array. Received: "
            f"{type(image).__name__}"
        )
    colours = image.ndim == 3 and image.shape[2] == 3
    if not (colours or image.ndim == 2) or image.dtype.kind not in "uif" or not image.size:
        raise ValueError(
            "Expected an array (height, width, 3) or (height, width) of numbers in [0, 255]. "
            f"Received: shape {image.shape}, {image.dtype}"
        )
    low, high = image.min(), image.max()
    if not (low >= 0 and high <= 255):
        raise ValueError(f"Expected values in [0, 255]. Received: {low:g} to {high:g}")
    if image.dtype.kind == "f" and 0 < high <= 1:
        raise ValueError(
            f"Expected values in [0, 255]. Received: {low:g} to {high:g}; multiply by 255"
        )
    return Image.fromarray(np.rint(image).astype(np.uint8)).convert("RGB")
