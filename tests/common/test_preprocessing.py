import json

import pytest

from common.preprocessing import Greys, Preprocessing, as_json, from_json


@pytest.mark.parametrize(
    "greys", [Greys(), Greys(whole=(0.0, 4095.0)), Greys((0.0, 255.0), (-3.5, 2.0))]
)
def test_there_and_back_as_json(greys):
    preprocessing = Preprocessing((32, 48), "crop", 1000, greys)
    assert from_json(json.loads(json.dumps(as_json(preprocessing)))) == preprocessing


def test_a_set_without_deep_greys_says_nothing_of_them():
    content = as_json(Preprocessing((32, 48), "crop", 1000))
    assert content == {"image_size": (32, 48), "resize": "crop", "max_pixels": 1000}
