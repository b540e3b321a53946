"""Data that stays the same from trial to trial: cached maps, labels, today's parameters."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.errors import StageError
from common.params import Params
from networks.maps import read_maps
from stages.train.data import TrainingData, open_data
from stages.train.linear_model import LinearModel
from stages.train.linear_start import fit_baseline


class Bench(NamedTuple):
    """Data of all trials of a search.

    Attributes:
        params: today's.
        data: train and val; never test.
        maps: float16 (n, views, height, width, channels) by split, memory-mapped.
        baseline: logistic regression on their means, as which heads may start.
    """

    params: Params
    data: TrainingData
    maps: dict[str, np.ndarray]
    baseline: LinearModel

    @property
    def n_classes(self) -> int:
        """The number of classes."""
        return len(self.data.splits["train"].class_names)

    @property
    def objective(self) -> str:
        """Of `metrics.averages`, on validation: loss, accuracy or f1_macro, as train.monitor says.

        Metrics of training would reward overfitting; loss of validation stands for them.
        The loss is plain cross-entropy, because `val_loss` holds label smoothing and the L2
        penalty of the very setting that it would score.
        """
        monitor = self.params.train.monitor
        return monitor.removeprefix("val_") if monitor.startswith("val_") else "loss"


def open_bench(params: Params, dataset: Path, features: Path, sampling: Path) -> Bench:
    """Opens the cached maps of train and val.

    Args:
        params: today's.
        dataset: folder of the splits.
        features: folder of their maps.
        sampling: file of the rows of an epoch of train.

    Raises:
        StageError: a backbone that is tuned, or maps that do not fit the dataset.
    """
    if params.model.trainable != "none":
        raise StageError(
            "Expected model.trainable none: the search fits heads on the cached maps of a frozen "
            f"backbone. Received: {params.model.trainable}. Search with none, then tune the "
            "backbone with the settings that were found."
        )
    data = open_data(dataset, sampling, features)
    maps = {name: read_maps(features / f"{name}.npy", data.splits[name]) for name in data.splits}
    return Bench(params, data, maps, fit_baseline(data, params.seed)[0])
