import numpy as np
import pytest

from benchmarks.imagenet_top1 import batches, class_numbers, find_images, read_classes, top_k_hits
from common.errors import StageError
from common.files import write_json
from tests.helpers.images import image_bytes, make_image


@pytest.fixture
def classes(tmp_path):
    names = {str(i): [f"n{i:08d}", f"Class-{i}"] for i in range(1000)}
    names["7"][1] = names["8"][1] = "crane"
    write_json(tmp_path / "classes.json", names)
    return tmp_path / "classes.json"


def test_classes_by_index_id_or_name(classes):
    assert class_numbers({"0", "17"}, None) == {"0": 0, "17": 17}
    numbers = class_numbers({"n00000003", "class 5"}, classes)
    assert numbers == {"n00000003": 3, "class 5": 5}
    assert read_classes(classes)["crane"] is None
    with pytest.raises(StageError, match="crane, which ImageNet gives to two classes"):
        class_numbers({"crane"}, classes)
    with pytest.raises(StageError, match="1 unknown, first ark"):
        class_numbers({"ark"}, classes)


def test_images_have_the_class_of_their_folder_or_name(tmp_path):
    for name in ("tench/1.png", "n00000001_x.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(image_bytes(make_image(1)))
    images = find_images(tmp_path)
    assert [(path.name, label) for path, label in images] == [
        ("n00000001_x.png", "n00000001"),
        ("1.png", "tench"),
    ]
    (filled, count), (padded, rest) = batches([path for path, _ in images] * 2, 32, 3)
    assert filled.shape == padded.shape == (3, 32, 32, 3)
    assert (count, rest) == (3, 1)
    assert padded[1:].max() == 0
    (tmp_path / "loose.png").write_bytes(b"")
    with pytest.raises(StageError, match=r"loose\.png in its name"):
        find_images(tmp_path)


def test_hits_among_the_most_probable():
    probabilities = np.array([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]])
    assert top_k_hits(probabilities, np.array([0, 1]), 1) == 1
    assert top_k_hits(probabilities, np.array([0, 1]), 2) == 2
