import numpy as np
import pytest

from common.files import read_json
from common.tables.dataset import Dataset
from common.tables.sampling import read_sampling


def test_the_stage_touches_train_alone(sampled_run):
    train = Dataset(sampled_run.path("dataset/train"))
    rows, times, weights = read_sampling(sampled_run.path("sampling/train.parquet"))
    assert rows.max() < train.n
    assert set(rows) == set(range(train.n))
    assert np.bincount(train.label[rows]).tolist() == [28, 28, 28]
    assert times.max() >= 1
    assert weights.tolist() == [1] * 84
    assert weights.dtype == np.float32
    metrics = read_json(sampled_run.path("m/oversample.json"))
    assert metrics["n_samples"] == 84
    assert metrics["n_pictures"] == train.n == 28 + 14 + 8
    assert metrics["per_class"]["owl"] == {"pictures": 8, "samples": 28, "weight": 1.0}


@pytest.mark.parametrize(
    ("changes", "samples", "weight"),
    [
        ({"method": "target_ratio", "target_ratio": 0.4}, [28, 14, 11], [1, 1, 1]),
        ({"method": "undersample"}, [8, 8, 8], [1, 1, 1]),
        ({"method": "class_weight"}, [28, 14, 8], [50 / 84, 50 / 42, 50 / 24]),
        ({"method": "none"}, [28, 14, 8], [1, 1, 1]),
    ],
)
def test_every_method_has_its_numbers_and_its_plot(
    sampled_run, tmp_path, small_params, changes, samples, weight
):
    params = small_params(**{f"oversample__{name}": value for name, value in changes.items()})
    other = type(sampled_run)(tmp_path, params)
    (tmp_path / "dataset").symlink_to(sampled_run.path("dataset"))
    other.oversample()
    train = Dataset(sampled_run.path("dataset/train"))
    rows, _, weights = read_sampling(other.path("sampling/train.parquet"))
    assert np.bincount(train.label[rows]).tolist() == samples
    np.testing.assert_allclose(weights, np.array(weight)[train.label[rows]], rtol=1e-6)
    per_class = read_json(other.path("m/oversample.json"))["per_class"]
    assert [per_class[name]["samples"] for name in train.class_names] == samples
    assert [per_class[name]["pictures"] for name in train.class_names] == [28, 14, 8]
    class_weights = [per_class[name]["weight"] for name in train.class_names]
    assert class_weights == pytest.approx(weight, abs=1e-6)
    assert other.path("p/oversample/classes.png").stat().st_size > 5000
