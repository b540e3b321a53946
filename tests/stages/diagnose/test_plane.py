import numpy as np
import pytest
from PIL import Image

from stages.diagnose import plane


def clusters(n_classes, n=150):
    rng = np.random.default_rng(0)
    label = np.arange(n) % n_classes
    return (8 * np.eye(n_classes, 60)[label] + rng.normal(size=(n, 60))).astype(np.float32), label


def test_clusters_stay_together_and_repeats_are_equal():
    vectors, label = clusters(3)
    placed = plane.project(vectors, 1)
    again = plane.project(vectors, 1)
    assert (placed.points == again.points).all()
    centres = np.stack([placed.points[label == index].mean(axis=0) for index in range(3)])
    nearest = np.linalg.norm(placed.points[:, None] - centres, axis=2).argmin(axis=1)
    assert (nearest == label).all()
    assert 0.7 < placed.trustworthiness <= 1


@pytest.mark.parametrize(("n", "channels"), [(4, 1), (4, 3), (5, 40), (12, 2)])
def test_few_images_or_channels_have_a_plane(n, channels):
    vectors = np.random.default_rng(0).normal(size=(n, channels)).astype(np.float32)
    placed = plane.project(vectors, 1)
    assert placed.points.shape == (n, 2)
    assert np.isfinite(placed.points).all()


def test_equal_vectors_have_none():
    assert plane.project(np.ones((20, 5), np.float32), 1) is None


def test_a_sample_holds_the_surest_mistakes_and_others_at_random():
    mistaken = np.arange(100) < 30
    confidence = np.linspace(0, 1, 100)
    rows = plane.choose(mistaken, confidence, 30, 1)
    assert len(set(rows)) == 30
    assert (np.diff(rows) > 0).all()
    assert set(range(20, 30)) <= set(rows)
    assert not np.array_equal(rows, plane.choose(mistaken, confidence, 30, 2))
    assert plane.choose(mistaken, confidence, 100, 1).tolist() == list(range(100))


@pytest.mark.parametrize("n_classes", [2, 30])
def test_drawings_are_of_equal_bytes_and_mark_mistakes(tmp_path, n_classes):
    points = np.random.default_rng(0).normal(size=(120, 2))
    label = np.arange(120) % n_classes
    none = np.zeros(120, bool)
    names = [f"class {index}" for index in range(n_classes)]
    for name, wrong in (("a", none), ("b", none), ("c", label == 1)):
        marks = {"val": none, "test": wrong}
        sample = plane.Sample(plane.Plane(points, None), label, marks, "title")
        plane.draw(tmp_path / f"{name}.png", sample, names)
    a, b, c = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert a == b != c


def test_without_a_plane_a_note_is_drawn(tmp_path):
    empty = {"val": np.zeros(3, bool), "test": np.zeros(3, bool)}
    sample = plane.Sample(None, np.zeros(3, int), empty, "title")
    plane.draw(tmp_path / "a.png", sample, ["a", "b"])
    with Image.open(tmp_path / "a.png") as image:
        assert np.asarray(image.convert("L")).std() > 5
