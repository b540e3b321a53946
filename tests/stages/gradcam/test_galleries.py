"""Galleries: for which classes images are explained, and under which names they are drawn."""

import numpy as np
import pandas as pd
import pytest

from common.heat import coloured, overlay
from networks.cam import heat_map, layer_activations
from stages.gradcam import galleries
from stages.gradcam.choice import choose_for_gallery
from tests.networks.test_cam import corner_classifier

NAMES = ["dark", "light"]


class Images:
    """An explainer of the corner's model without a dataset: half of the corners are white."""

    methods = ("gradcam", "eigencam")

    def __init__(self, n):
        self.all = np.full((n, 16, 16, 3), 40, np.uint8)
        self.all[n // 2 :, :8, :8] = 255
        self.activations_of = layer_activations(*corner_classifier(), None)
        self.asked = []

    def batches(self, rows):
        for row in rows:
            yield [row], self.all[[row]]

    def heats(self, pixels, classes, methods=None):
        self.asked.append(list(classes))
        activations = self.activations_of(pixels, np.asarray(classes))
        return {name: heat_map(name, activations) for name in methods or self.methods}


def predictions():
    table = pd.DataFrame(
        {"label": ["dark", "dark", "light", "light"], "p_light": [0.2, 0.9, 1, 0.7]}
    )
    table["p_dark"] = 1 - table["p_light"]
    return table.assign(predicted=np.where(table["p_light"] > 0.5, "light", "dark"))


def test_two_classes_are_both_explained():
    explainer, table = Images(4), predictions()
    explained = galleries.explain(explainer, NAMES, table, [3, 0], 0.5)
    assert explainer.asked == [[1], [0], [0], [1]]  # the predicted class, then the other
    assert len(galleries.headings(NAMES)) == len(explained[0].drawn.tiles) == 4
    image, heat, over, other = explained[0].drawn.tiles
    assert np.array_equal(image, explainer.all[3])
    assert explained[0].heat[:2, :2].max() == 1
    assert np.array_equal(heat, coloured(explained[0].heat, (16, 16)))
    assert np.array_equal(over, overlay(image, explained[0].heat, 0.5))
    assert np.array_equal(other, image)  # nothing speaks for darkness
    assert (explained[1].heat == 0).all()
    assert [item.drawn.caption for item in explained] == ["light: 70.0%", "dark: 80.0%"]


def test_more_classes_are_explained_by_the_answer_alone():
    explainer = Images(4)
    table = predictions().assign(p_third=0.0)
    explained = galleries.explain(explainer, [*NAMES, "third"], table, [1], 0.5)
    assert explainer.asked == [[1]]
    assert len(galleries.headings([*NAMES, "third"])) == len(explained[0].drawn.tiles) == 3
    assert explained[0].drawn.caption == "light: 90.0%, wrong, is dark"


def test_methods_are_laid_over_the_same_image():
    (row,) = galleries.compare(Images(4), NAMES, predictions(), [2], 0.5)
    assert len(row.tiles) == 3
    assert [tile.shape for tile in row.tiles] == [(16, 16, 3)] * 3


@pytest.mark.parametrize("n_classes", [2, 9])
def test_a_page_for_each_class_that_has_images_and_a_summary(tmp_path, n_classes):
    explainer, table = Images(4), predictions()
    names = [*NAMES, *(f"class {index}" for index in range(n_classes - 2))]
    table = table.assign(**{f"p_{name}": 0.0 for name in names[2:]})
    chosen = {name: choose_for_gallery(table, name, 2) for name in names}
    heats = galleries.draw(
        tmp_path,
        names,
        chosen,
        lambda rows: galleries.explain(explainer, names, table, rows, 0.5),
        "gradcam",
    )
    assert len(heats) == 4
    assert {path.name for path in tmp_path.iterdir()} == {"dark.png", "light.png", "summary.png"}


def test_names_of_files_are_safe_and_different():
    used = set()
    labels = ["a/b", "a b", "A_b", "summary", "Methods", "??", "猫"]
    file_names = [galleries.file_name(label, used) for label in labels]
    assert file_names == [
        *("a_b.png", "a_b_2.png", "A_b_3.png", "summary_2.png", "Methods_2.png", "class.png"),
        "猫.png",
    ]


def test_predicted_classes_are_numbers_in_the_order_of_the_names():
    assert galleries.predicted_classes(predictions(), NAMES).tolist() == [0, 1, 1, 1]
