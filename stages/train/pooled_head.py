"""Training of a head on pooled maps, where positions make no difference to it.

A map of one position, the mean, then stands for the whole map: reading and computing are less by
as many times as the map has positions.
"""

from typing import NamedTuple

import keras
import numpy as np

from common.schema import Head, Model
from networks.heads import build_head
from networks.maps import read_pooled
from stages.train.data import TrainingData


class Student(NamedTuple):
    """A head that is trained, and the maps that it is trained on.

    Attributes:
        head: the one that was built, or its twin on pooled maps, with weights of its own.
        maps: of each split, (n, views, height, width, channels), as the head takes them.
    """

    head: keras.Model
    maps: dict[str, np.ndarray]


def student_of(
    head: keras.Model, model: Model, maps: dict[str, np.ndarray], data: TrainingData
) -> Student:
    """The head and its maps, or its twin on pooled maps where that makes no difference.

    Args:
        head: from `heads.build_head`, started.
        model: the section of params.yaml.
        maps: of each split, as `data.read_split_maps` opens them.
        data: to which they belong.
    """
    if sees_positions(model.attention, model.head):
        return Student(head, maps)
    n_classes = len(data.splits["train"].class_names)
    return Student(twin_on_pooled(head, n_classes, model), pooled_maps(data))


def sees_positions(attention: str, head: Head) -> bool:
    """Whether a head does anything that the mean over positions of its maps could not stand for.

    Fixed standardisation and gates on channels, alike at all positions, change places with the
    mean. Noise and batch statistics of maps do not.
    """
    return (
        attention not in ("none", "se")
        or head.pooling != "avg"
        or head.noise > 0
        or head.norm == "batch"
    )


def pooled_maps(data: TrainingData) -> dict[str, np.ndarray]:
    """Maps of one position of each split, float32 (n, views, 1, 1, channels), memory-mapped."""
    return {
        name: read_pooled(data.maps_file(name), split)[:, :, None, None]
        for name, split in data.splits.items()
    }


def twin_on_pooled(head: keras.Model, n_classes: int, model: Model) -> keras.Model:
    """The same head for maps of one position, with the same weights and penalty.

    Args:
        head: from `heads.build_head`, of which `sees_positions` is false.
        n_classes: of the head.
        model: the section of params.yaml.
    """
    channels = head.input_shape[-1]
    twin = build_head((1, 1, channels), n_classes, model.attention, model.head)
    twin.set_weights(head.get_weights())
    twin.get_layer("logits").kernel.regularizer = head.get_layer("logits").kernel.regularizer
    return twin
