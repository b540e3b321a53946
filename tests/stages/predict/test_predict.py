"""The stage predict on one run of the whole path."""

import numpy as np
import pytest

from common.embeddings import read_embeddings
from common.errors import StageError
from common.images import load_pixels
from common.tables.dataset import SPLITS, Dataset
from common.tables.predictions import read_predictions
from networks.classifier import load_classifier
from networks.maps import read_maps
from networks.pixels import decode_batch

NAMES = ["cat", "dog", "owl"]


def test_the_saved_model_answers_as_predicted_from_the_raw_file(whole_run):
    """Serving's path, raw bytes to probabilities, gives what evaluate wrote."""
    opened = load_classifier(whole_run.path("models/classifier"))
    table = read_predictions(whole_run.path("predictions/test.csv"), NAMES)
    pixels = [
        load_pixels((whole_run.path("raw") / path).read_bytes(), opened.preprocessing)
        for path in table["path"]
    ]
    answer = opened.model.predict(np.stack([np.asarray(p) for p in pixels]), verbose=0)
    expected = table[[f"p_{name}" for name in NAMES]].to_numpy()
    np.testing.assert_allclose(answer, expected, atol=1e-3)
    assert opened.class_names == NAMES


@pytest.mark.parametrize("split", SPLITS)
def test_embeddings_are_the_means_of_the_maps(whole_run, split):
    dataset = Dataset(whole_run.path("dataset") / split)
    embeddings = read_embeddings(whole_run.path(f"embeddings/{split}.npy"), dataset)
    maps = read_maps(whole_run.path(f"features/{split}.npy"), dataset)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(embeddings, maps[:, 0].astype(float).mean(axis=(1, 2)), rtol=1e-4)
    backbone = load_classifier(whole_run.path("models/classifier")).backbone
    pixels = decode_batch(list(dataset.png_at(range(dataset.n)).values()))
    fresh = backbone.predict(pixels, verbose=0).mean(axis=(1, 2))
    np.testing.assert_allclose(embeddings, fresh, atol=5e-3, rtol=5e-3)
    other = Dataset(whole_run.path("dataset") / ("val" if split == "train" else "train"))
    with pytest.raises(StageError, match=rf"Expected .*{split}\.npy to hold \({other.n}, channels"):
        read_embeddings(whole_run.path(f"embeddings/{split}.npy"), other)
