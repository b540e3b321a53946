"""Inference: probabilities and embeddings of a split, from cached maps or from pixels."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import numpy as np

from common import cli
from common.embeddings import write_embeddings
from common.tables.dataset import Dataset
from networks.classifier import Classifier
from networks.engine import Engine, frozen_backbone
from networks.forward import inference
from networks.maps import read_maps, read_pooled
from networks.pixels import decode_batch


class Inference:
    """A classifier that is asked for all images of a split, through its backbone once."""

    def __init__(self, classifier: Classifier, engine: Engine, batch_size: int):
        """Args:
        classifier: the model.
        engine: computes a backbone that was tuned, whose maps are not cached.
        batch_size: images per step.
        """
        self.classifier, self.batch_size = classifier, batch_size
        self._network = None if classifier.frozen else frozen_backbone(classifier.backbone, engine)

    def run(
        self, dataset: Dataset, features: Path, embeddings: Path, heads: Sequence[keras.Model]
    ) -> list[np.ndarray]:
        """Writes the embeddings of a split, and returns its probabilities by some heads.

        Args:
            dataset: the split.
            features: its cached maps, which are read where the backbone is frozen.
            embeddings: the file to write, float32 (n, channels): means over positions of maps.
            heads: the classifier's, or others on the same maps; where there are none and the
                means are cached, nothing is computed.

        Returns:
            float64 (n, n_classes) of each head, rows adding up to 1.

        Raises:
            StageError: cached maps of other images, or an engine that is wrong.
        """
        if self._network is None and not heads:
            pooled = read_pooled(features, dataset)
            write_embeddings(embeddings, plain_vectors(pooled, self.batch_size), dataset.n)
            return []
        maps = self._cached(features, dataset) if self._network is None else self._fresh(dataset)
        forwards, parts = [inference(head) for head in heads], [[] for _ in heads]

        def vectors():
            for batch in maps:
                for forward, part in zip(forwards, parts, strict=True):
                    part.append(forward(batch))
                yield batch.mean(axis=(1, 2))

        write_embeddings(embeddings, vectors(), dataset.n)
        return [np.concatenate(part).astype(np.float64) for part in parts]

    def _cached(self, features: Path, dataset: Dataset) -> Iterator[np.ndarray]:
        maps = read_maps(features, dataset)
        for start in range(0, len(maps), self.batch_size):
            yield maps[start : start + self.batch_size, 0].astype(np.float32)

    def _fresh(self, dataset: Dataset) -> Iterator[np.ndarray]:
        pixels = cli.parallel_map(decode_batch, dataset.png_batches(self.batch_size))
        with cli.progress(None, "predicting", dataset.n) as bar:
            for (maps,) in self._network.stream(pixels):
                yield maps
                bar.update(len(maps))


def plain_vectors(pooled: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    """Yields the vectors of every row's plain view, (m, channels) each, of (n, views, channels)."""
    for start in range(0, len(pooled), batch_size):
        yield pooled[start : start + batch_size, 0]
