"""Training on pooled maps: for which heads, and that it is the training on maps."""

import numpy as np
import pytest

from common.schema import Head
from networks.heads import build_head, set_moments
from stages.train.fitting import fit
from stages.train.pooled_head import sees_positions, twin_on_pooled
from tests.helpers.training_sets import PLAIN, TRAIN, batches_of

HEAD = PLAIN.model_copy(update={"norm": "standardise", "l2": 0.01, "units": 4})


class ModelOf:
    def __init__(self, attention: str, head: Head):
        self.attention, self.head = attention, head


@pytest.mark.parametrize(
    ("attention", "changes", "seen"),
    [
        ("none", {}, False),
        ("none", {"norm": "none", "dropout": 0.5}, False),
        ("se", {}, False),
        ("pool", {}, True),
        ("mha", {}, True),
        ("none", {"pooling": "max"}, True),
        ("none", {"noise": 0.1}, True),
        ("none", {"norm": "batch"}, True),
    ],
)
def test_which_heads_see_positions(attention, changes, seen):
    assert sees_positions(attention, HEAD.model_copy(update=changes)) == seen


@pytest.mark.parametrize("attention", ["none", "se"])
def test_the_twin_trains_as_the_head_would_on_the_whole_maps(attention):
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(24, 2, 3, 4, 16)).astype(np.float16)
    label = np.arange(24) % 2
    maps[np.arange(24), :, :, :, label] += 1
    model = ModelOf(attention, HEAD)
    settings = TRAIN.model_copy(update={"epochs": 3, "learning_rate": 0.01})

    def trained(on_pooled):
        head = build_head((3, 4, 16), 2, attention, HEAD)
        set_moments(head, np.full(16, 0.3), np.full(16, 2.0))
        student, used = head, maps
        if on_pooled:
            student = twin_on_pooled(head, 2, model)
            used = maps.astype(np.float32).mean(axis=(2, 3), keepdims=True)
        rows = fit(student, settings, batches_of(used, label), batches_of(used, label))
        return rows, student.get_weights()

    (rows, weights), (rows_on_pooled, weights_on_pooled) = trained(False), trained(True)
    for left, right in zip(rows, rows_on_pooled, strict=True):
        assert left == pytest.approx(right, rel=1e-3)
    for left, right in zip(weights, weights_on_pooled, strict=True):
        np.testing.assert_allclose(left, right, atol=2e-3)
