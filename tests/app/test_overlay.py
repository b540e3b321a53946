"""Heat maps on whole images: where the model's view lies in them, worked out by hand."""

import numpy as np
import pytest
from PIL import Image

from app.overlay import blend, layer, whole_heat

LEFT = np.array([[1.0, 0.0]], np.float32)  # hot in the left half of the view


def test_stretch_shows_the_whole_image():
    heat = whole_heat(LEFT, (60, 120), (50, 50), "stretch")
    assert heat.shape == (60, 120)
    assert heat[:, 10].min() > 0.95 and heat[:, 110].max() < 0.05
    np.testing.assert_allclose(heat[:, 59:61].mean(), 0.5, atol=0.02)


def test_crop_leaves_the_margins_cold():
    """Of 120 x 60 px the view shows the columns from 30 to 90."""
    heat = whole_heat(np.ones((2, 2)), (60, 120), (50, 50), "crop")
    assert heat[:, :29].max() == 0 == heat[:, 91:].max()
    assert heat[:, 31:89].min() > 0.99
    tall = whole_heat(np.ones((2, 2)), (120, 60), (50, 50), "crop")
    np.testing.assert_allclose(tall, heat.T, atol=1e-6)


def test_pad_cuts_its_margins_off():
    """Of a view of 50 x 50 px, the 120 x 60 px image takes the rows 12.5 to 37.5."""
    upper = np.array([[1.0], [0.0], [0.0], [0.0]])  # the first quarter, which is margin
    view = Image.fromarray(upper.astype(np.float32)).resize((50, 50), Image.Resampling.BICUBIC)
    heat = whole_heat(upper, (60, 120), (50, 50), "pad")
    assert heat.shape == (60, 120)
    expected = np.asarray(view)[25, 0]  # the middle of both
    np.testing.assert_allclose(heat[30], np.clip(expected, 0, 1), atol=0.05)
    assert heat[0].max() < 0.6 and heat[-1].max() < 0.05
    left = whole_heat(LEFT, (60, 120), (50, 50), "pad")
    assert left[:, 20].min() > 0.9 and left[:, 100].max() < 0.1


@pytest.mark.parametrize("how", ["stretch", "crop", "pad"])
def test_heat_stays_within_its_range(how):
    heat = np.random.default_rng(0).random((7, 7)).round()
    enlarged = whole_heat(heat, (33, 47), (64, 64), how)
    assert enlarged.dtype == np.float32 and enlarged.min() >= 0 and enlarged.max() <= 1


def test_where_there_is_no_heat_the_image_shows():
    image = Image.new("RGB", (40, 20), (10, 200, 30))
    heat = whole_heat(LEFT, (20, 40), (40, 40), "stretch")
    blended = np.asarray(blend(image, heat))
    np.testing.assert_array_equal(blended[:, 39], np.full((20, 3), (10, 200, 30)))
    assert (blended[:, 0] != blended[:, 39]).any(axis=1).all()
    alone = np.asarray(layer(heat))
    assert alone.shape == (20, 40, 4)
    assert alone[:, 0, 3].min() > 245 and alone[:, 39, 3].max() == 0
