"""The trained model, ready to be asked: the one way that the programs of app/ load and use it.

    predictor = Predictor("models")
    answer = predictor.predict(["a.jpg"])[0]
    answer.decision, answer.probabilities["other"]

Images come in through the pipeline's decode-and-resize path (common/images.py), so a file
gets the probabilities here that it would get there.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from app.decision import DECISION_FILE, decide, read_decision
from common import cli
from common.files import read_json
from common.images import ImageError, decode, resize, to_rgb
from networks.cam import head_activations, heat_map
from networks.classifier import CARD_FILE, load_classifier
from networks.forward import compute_in_bfloat16, constant_inference

MODEL_FOLDER = "classifier"
PRECISIONS = ("float32", "bfloat16")
SURE = 0.99  # with bfloat16, the least probability that is not computed again in float32
HEAT_METHOD = "gradcam"  # the only one of cam.METHODS that beat a random map on every set measured

Source = str | Path | bytes | Image.Image | np.ndarray


@dataclasses.dataclass(frozen=True)
class Prepared:
    """An image as the model takes it.

    Attributes:
        pixels: uint8 (height, width, 3), RGB, of the model's size.
        aspect: width / height of the whole image, upright.
    """

    pixels: np.ndarray
    aspect: float


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What the model says of an image.

    Attributes:
        probabilities: class name to probability, in the model's order; they add up to 1.
        likeliest: the class of the largest probability.
        decision: the class to act on: of two classes the positive one from its threshold on, of
            more the likeliest. None where the model abstains.
        abstained: whether the likeliest class is less likely than what an answer needs.
        heat_map: float32 (h, w) in [0, 1], of the model's view of the image: where it saw what
            speaks for the likeliest class. None unless asked for.
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
    """A model folder, opened.

    Attributes:
        class_names: in the order of the probabilities.
        image_size: (height, width) in px, what the model takes.
        resize: how images are brought to that size: stretch, crop or pad.
        max_pixels: limit on the width x height of files.
        card: classifier.json: settings of the training, checksum.
        decision: decision.json: positive, threshold, rule, abstain_below, abstain_target.
        calibrated: whether a temperature was fitted and is part of the model.
    """

    def __init__(self, model_dir: str | Path, precision: str = "float32", batch_size: int = 32):
        """Opens the model after checking its sha256; no code from the file runs.

        Args:
            model_dir: the folder with classifier/ and decision.json.
            precision: "float32"; or "bfloat16", which processors with instructions for it do
                faster with large backbones. Images whose likeliest class is then less likely
                than SURE are asked about again in float32, so that no probability is off by more
                than about 0.01 and none near a threshold at all.
            batch_size: images per step, at most.

        Raises:
            StageError: files are missing or damaged, or do not belong together.
            ValueError: no such precision, or no positive batch size.
        """
        if precision not in PRECISIONS:
            raise ValueError(f"Expected precision to be one of {PRECISIONS}. Got: {precision!r}")
        if batch_size < 1:
            raise ValueError(f"Expected batch_size to be at least 1. Received: {batch_size}")
        folder = Path(model_dir) / MODEL_FOLDER
        classifier = load_classifier(folder)
        self.class_names = classifier.class_names
        self.image_size, self.resize = classifier.image_size, classifier.resize
        self.max_pixels, self.batch_size = classifier.max_pixels, batch_size
        self.card = read_json(folder / CARD_FILE)
        self.calibrated = self.card.get("temperature", 1) != 1  # cards before it had none
        self.decision = read_decision(Path(model_dir) / DECISION_FILE, self.class_names)
        self._look = head_activations(classifier.head)
        self._exact = constant_inference(classifier.backbone, classifier.head)
        self._fast = None
        if precision == "bfloat16":
            again = load_classifier(folder)
            compute_in_bfloat16(again.backbone)
            self._fast = constant_inference(again.backbone, again.head)

    def prepare(self, image: Source) -> Prepared:
        """Decodes and resizes an image.

        Args:
            image: a file's path or its bytes; or a PIL image; or an array (height, width, 3)
                or (height, width), uint8 or float, in [0, 255].

        Raises:
            ImageError: the bytes give no usable image.
            OSError: the file cannot be read.
            ValueError, TypeError: no such array, no such thing.
        """
        if isinstance(image, str | Path):
            image = Path(image).read_bytes()
        if isinstance(image, bytes | bytearray | memoryview):
            decoded = decode(bytes(image), self.max_pixels, self.image_size)
            image, box = decoded.image, decoded.box
        else:
            image = _as_image(image)
            box = (0.0, 0.0, float(image.width), float(image.height))
        pixels = np.asarray(resize(image, self.image_size, self.resize, box))
        return Prepared(pixels, (box[2] - box[0]) / (box[3] - box[1]))

    def ask(self, pixels: np.ndarray, heat_maps: bool | Sequence[bool] = False) -> list[Prediction]:
        """Predictions of images that are prepared.

        Args:
            pixels: uint8 (n, height, width, 3), of the model's size; any n.
            heat_maps: whether to make them: for all, or for each image.
        """
        wanted = np.broadcast_to(np.asarray(heat_maps, bool), len(pixels))
        found = []
        for start in range(0, len(pixels), self.batch_size):
            part = slice(start, start + self.batch_size)
            maps, probabilities = self._run(np.asarray(pixels[part], np.uint8))
            heats = self._heats(maps, probabilities, wanted[part])
            found += map(self.judge, probabilities, heats)
        return found

    def predict(self, images: Iterable[Source], heat_maps: bool = False) -> list[Prediction]:
        """Predictions of images of any kind that `prepare` takes, in order.

        Raises:
            ImageError, OSError, ValueError, TypeError: of the first image that cannot be used;
                `stream` goes on instead.
        """
        answers = []
        for _, answer in self.stream(images, heat_maps):
            if isinstance(answer, Exception):
                raise answer
            answers.append(answer)
        return answers

    def stream(
        self, images: Iterable[Source], heat_maps: bool = False
    ) -> Iterator[tuple[Source, Prediction | ImageError | OSError | ValueError | TypeError]]:
        """Yields each image with its prediction, or with the reason why there is none.

        In order, decoded by several threads, a batch at a time: however many there are, no more
        than some batches are in memory. `images` may be a generator.
        """
        prepared = cli.parallel_map(self._try, images)
        while batch := list(islice(prepared, self.batch_size)):
            usable = [each.pixels for _, each in batch if isinstance(each, Prepared)]
            answers = iter(self.ask(np.stack(usable), heat_maps) if usable else ())
            for image, each in batch:
                yield image, next(answers) if isinstance(each, Prepared) else each

    def judge(self, probabilities: np.ndarray, heat_map: np.ndarray | None = None) -> Prediction:
        """Applies threshold and abstention.

        Args:
            probabilities: float (n_classes,).
            heat_map: handed on.
        """
        named = dict(zip(self.class_names, map(float, probabilities), strict=True))
        decision = decide(named, self.decision)
        return Prediction(named, max(named, key=named.get), decision, decision is None, heat_map)

    def warm_up(self) -> None:
        """Answers blank images once, alone and as a batch, so that no user waits for it."""
        for count in (1, self.batch_size):
            self.ask(np.zeros((count, *self.image_size, 3), np.uint8), heat_maps=True)

    def _try(self, image: Source) -> tuple[Source, Prepared | Exception]:
        try:
            return image, self.prepare(image)
        except (ImageError, OSError, ValueError, TypeError) as error:
            return image, error

    def _run(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Maps, float32 (n, h, w, channels), and probabilities, float64 (n, n_classes)."""
        maps, probabilities = (self._fast or self._exact)(pixels)
        if self._fast:
            unsure = np.flatnonzero(probabilities.max(axis=1) < SURE)
            if len(unsure):
                maps[unsure], probabilities[unsure] = self._exact(pixels[unsure])
        return maps, probabilities

    def _heats(
        self, maps: np.ndarray, probabilities: np.ndarray, wanted: np.ndarray
    ) -> Iterable[np.ndarray | None]:
        heats: list[np.ndarray | None] = [None] * len(wanted)
        rows = np.flatnonzero(wanted)
        if len(rows):
            seen = self._look(maps[rows], probabilities[rows].argmax(axis=1))
            for row, heat in zip(rows, heat_map(HEAT_METHOD, seen), strict=True):
                heats[row] = heat
        return heats


def _as_image(image: Image.Image | np.ndarray) -> Image.Image:
    if isinstance(image, Image.Image):
        return to_rgb(image)
    if not isinstance(image, np.ndarray):
        raise TypeError(
            "Expected a path, bytes, a PIL picture or a NumPy array. Received: "
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
