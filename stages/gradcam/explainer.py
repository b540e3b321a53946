"""Heat maps of a split's images, by several methods at once, a few images at a time."""

from collections.abc import Iterator, Sequence

import numpy as np

from common.images import decode_png
from common.tables.dataset import Dataset
from networks.attention_weights import attention_maps, stretch
from networks.cam import heat_map, layer_activations
from networks.classifier import Classifier
from stages.gradcam.names import ATTENTION


class Explainer:
    """Makes heat maps of rows of a split.

    Attributes:
        methods: names of cam.METHODS as asked for, then ATTENTION where the head has a weight for
            each position.
    """

    def __init__(
        self,
        classifier: Classifier,
        dataset: Dataset,
        methods: Sequence[str],
        layer: str | list[str | None] | None,
        batch_size: int,
    ):
        """Args:
        classifier: opened.
        dataset: its images have the classifier's size.
        methods: names of cam.METHODS.
        layer: where the maps are taken, as in `cam.layer_activations`; the attention's own map is
            always of the maps that the head takes.
        batch_size: images per step.

        Raises:
            StageError: as `cam.layer_activations`.
        """
        self._head, self._dataset, self._batch_size = classifier.head, dataset, batch_size
        self._activations_of = layer_activations(classifier.backbone, classifier.head, layer)
        shape = (1, *classifier.head.input_shape[1:])
        has_weights = attention_maps(classifier.head, np.zeros(shape, np.float32)) is not None
        self.methods = [*methods, ATTENTION] if has_weights else list(methods)

    def batches(self, rows: Sequence[int]) -> Iterator[tuple[Sequence[int], np.ndarray]]:
        """Yields some of the rows and their pixels, uint8 (n, height, width, 3), in order."""
        for start in range(0, len(rows), self._batch_size):
            batch = rows[start : start + self._batch_size]
            encoded = self._dataset.png_at(batch)
            yield batch, np.stack([decode_png(encoded[row]) for row in batch])

    def heats(
        self, pixels: np.ndarray, classes: np.ndarray, methods: Sequence[str] | None = None
    ) -> dict[str, np.ndarray]:
        """Heat maps of one batch of images.

        Args:
            pixels: (n, height, width, 3) in [0, 255].
            classes: int (n,), the class whose evidence each map shows.
            methods: some of `self.methods`; None: all.

        Returns:
            Method to float32 (n, h, w) in [0, 1]. Of the attention its least weight in an image
            is 0 and its largest is 1.
        """
        activations = self._activations_of(pixels, np.asarray(classes))
        return {
            method: stretch(attention_maps(self._head, activations.head_maps.numpy()))
            if method == ATTENTION
            else heat_map(method, activations)
            for method in (self.methods if methods is None else methods)
        }
