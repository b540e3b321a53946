"""Heat maps of a split's images, by several methods at once, a few images at a time."""

from collections.abc import Iterator, Sequence

import numpy as np

from common.images import decode_png
from common.tables import Dataset
from networks.attention_weights import attention_maps, stretch
from networks.cam import heat_map, viewer
from networks.classifier import Classifier

ATTENTION = "attention"  # beside the names of cam.METHODS


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
        layer: where the maps are taken, as in `cam.viewer`; the attention's own map is always
            of the maps that the head takes.
        batch_size: images per step.

        Raises:
            StageError: as `cam.viewer`.
        """
        self._head, self._dataset, self._batch_size = classifier.head, dataset, batch_size
        self._see = viewer(classifier.backbone, classifier.head, layer)
        shape = (1, *classifier.head.input_shape[1:])
        has_own = attention_maps(classifier.head, np.zeros(shape, np.float32)) is not None
        self.methods = [*methods, ATTENTION] if has_own else list(methods)

    def images(self, rows: Sequence[int]) -> Iterator[tuple[Sequence[int], np.ndarray]]:
        """Yields some of the rows and their pixels, uint8 (n, height, width, 3), in order."""
        for start in range(0, len(rows), self._batch_size):
            some = rows[start : start + self._batch_size]
            found = self._dataset.png_at(some)
            yield some, np.stack([decode_png(found[row]) for row in some])

    def heats(
        self, pixels: np.ndarray, classes: np.ndarray, methods: Sequence[str] | None = None
    ) -> dict[str, np.ndarray]:
        """Heat maps of one batch of images.

        Args:
            pixels: (n, height, width, 3) in [0, 255].
            classes: int (n,), the class that each is asked about.
            methods: some of `self.methods`; None: all.

        Returns:
            Method to float32 (n, h, w) in [0, 1]. Of the attention its least weight in an image
            is 0 and its most is 1.
        """
        seen = self._see(pixels, np.asarray(classes))
        return {
            method: stretch(attention_maps(self._head, seen.head_maps.numpy()))
            if method == ATTENTION
            else heat_map(method, seen)
            for method in (self.methods if methods is None else methods)
        }
