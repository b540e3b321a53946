"""All images of train, val and test, one after the other, with their embeddings."""

from pathlib import Path

import numpy as np
import pandas as pd

from common.embeddings import read_embeddings
from common.tables.dataset import SPLITS, Dataset

COLUMNS = ("path", "label", "group", "image_id")


class AllImages:
    """The images of all splits.

    Attributes:
        splits: the datasets, by name.
        class_names: in the order of the label index.
        frame: path, split, label (int), group and image_id of each image.
    """

    def __init__(self, dataset: Path, embeddings: Path):
        """Args:
        dataset: the folder of the splits.
        embeddings: the folder of their embeddings.

        Raises:
            StageError: embeddings of other images.
        """
        self.splits = {name: Dataset(dataset / name) for name in SPLITS}
        self.class_names = self.splits["train"].class_names
        self.frame = pd.concat(
            [
                pd.DataFrame({c: getattr(split, c) for c in COLUMNS} | {"split": name})
                for name, split in self.splits.items()
            ],
            ignore_index=True,
        )
        self._vectors = {
            name: read_embeddings(embeddings / f"{name}.npy", split)
            for name, split in self.splits.items()
        }

    def vectors(self, rows: np.ndarray) -> np.ndarray:
        """Embeddings of rows of `frame`, in rising order; float32 (len(rows), channels)."""
        parts, start = [], 0
        for vectors in self._vectors.values():
            inside = rows[(rows >= start) & (rows < start + len(vectors))]
            parts.append(np.asarray(vectors[inside - start]))
            start += len(vectors)
        return np.concatenate(parts)
