import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter

from common.params import read_params
from common.tables.manifest import FLAGS, MEASURES
from stages.clean.quality import RULES, add_flags, count_flags, measure
from tests.helpers.images import make_image
from tests.helpers.pipeline import ROOT

LIMITS = read_params(ROOT / "params.yaml").clean.quality


def measured(image):
    return measure(image.convert("RGB"), image.convert("L"))


def grey(values):
    return Image.fromarray(np.asarray(values, np.uint8))


def checkerboard(side, square=1, dark=0, light=255):
    y, x = np.indices((side, side)) // square
    return grey(np.where((y + x) % 2, light, dark))


def test_a_flat_image():
    assert measured(Image.new("RGB", (40, 30), (10, 10, 10))) == {
        "sharpness": 0,
        "brightness": 10,
        "contrast": 0,
        "colourfulness": 0,
    }


def test_a_checkerboard_is_as_sharp_as_can_be():
    # Each pixel's four neighbours are all of the other value: the Laplacian is 4 * 200 = 800 on
    # dark pixels and -800 on light ones.
    assert measured(checkerboard(40, dark=20, light=220)) == {
        "sharpness": 800,
        "brightness": 120,
        "contrast": 100,
        "colourfulness": 0,
    }


def test_a_ramp_has_contrast_and_no_sharpness():
    ramp = grey(np.tile(np.arange(0, 200, 2), (30, 1)))  # 0, 2, ..., 198: second difference 0
    measures = measured(ramp)
    assert measures["sharpness"] == 0
    assert measures["brightness"] == 99
    assert measures["contrast"] == round(2 * np.sqrt((100**2 - 1) / 12), 2)  # of 0..n-1, times 2


def test_one_edge_by_hand():
    # 10 columns of 0, then 10 of 90; inner columns are 18, of which the ninth and tenth have the
    # Laplacian 90 and -90: mean 0, variance 2 * 90^2 / 18 = 900.
    edge = np.zeros((12, 20))
    edge[:, 10:] = 90
    assert measured(grey(edge))["sharpness"] == 30


@pytest.mark.parametrize(
    ("colours", "expected"),
    [
        ([(255, 0, 0)], 255),
        ([(100, 100, 100)], 0),
        ([(90, 100, 80)], 20),
        ([(90, 100, 80), (5, 5, 105)], 60),
    ],
)
def test_colourfulness_is_the_mean_spread_of_the_channels(colours, expected):
    pixels = np.tile(np.array(colours, np.uint8), (16, 8, 1))
    assert measured(Image.fromarray(pixels))["colourfulness"] == expected


@pytest.mark.parametrize("size", [(1, 1), (2, 50), (50, 2), (3000, 2)])
def test_images_too_thin_for_a_laplacian_have_no_sharpness(size):
    assert measured(Image.linear_gradient("L").resize(size))["sharpness"] == 0


def test_sharpness_is_comparable_across_sizes():
    scene = make_image(1, (2048, 1536)).filter(ImageFilter.GaussianBlur(4))
    measures = [
        measured(scene.resize((width, width * 3 // 4), Image.Resampling.LANCZOS))["sharpness"]
        for width in (2048, 1024, 512, 300, 192)
    ]
    assert max(measures) < 1.25 * min(measures)


def test_blur_lowers_sharpness_below_its_limit():
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(60, 200, (200, 200, 3), dtype=np.uint8))
    values = [
        measured(noise.filter(ImageFilter.GaussianBlur(radius)))["sharpness"]
        for radius in (0, 1, 2, 4)
    ]
    assert values == sorted(values, reverse=True)
    assert values[0] > LIMITS.blurry > values[-1]


def rows(*images):
    measures = [
        {"label": "cat", "width": image.width, "height": image.height} | measured(image)
        for image in images
    ]
    return pd.DataFrame(measures)


def flags_of(*images):
    """The flags of the first image among images without fault."""
    good = checkerboard(64, 4, 60, 200).convert("RGB")
    good.paste((200, 60, 60), (0, 0, 32, 64))
    table = add_flags(rows(*images, good, good, good), LIMITS)
    assert not table[list(FLAGS)].tail(3).any(axis=None)
    return {flag for flag in FLAGS if table[flag].iloc[0]}


def tinted(image, offset):
    red, green, blue = image.convert("RGB").split()
    return Image.merge("RGB", (red.point(lambda value: value + offset), green, blue))


def test_each_fault_has_its_flag():
    assert flags_of(checkerboard(64, 4, 60, 200)) == {"grey"}
    assert flags_of(tinted(checkerboard(64, 4, 60, 200), 10)) == set()
    assert flags_of(tinted(checkerboard(64, 4, 0, 70), 10)) == {"dark"}
    assert flags_of(tinted(checkerboard(64, 4, 195, 245), -10)) == {"bright"}
    assert flags_of(tinted(checkerboard(64, 4, 110, 130), 10)) == {"low_contrast"}
    ramp = Image.linear_gradient("L").resize((64, 64))
    assert flags_of(tinted(ramp.filter(ImageFilter.GaussianBlur(3)), 20)) == {"blurry"}


def test_odd_sizes_are_odd_in_area_or_in_aspect():
    sizes = [(100, 100), (100, 100), (100, 100), (300, 200), (200, 50), (50, 20)]
    table = pd.DataFrame(sizes, columns=["width", "height"]).assign(
        sharpness=50.0, brightness=100.0, contrast=50.0, colourfulness=50.0
    )
    rows = add_flags(table, LIMITS.model_copy(update={"odd_size": 4.0}))
    # Median area 10,000 (of 1,000, four times 10,000 and 60,000); median aspect 1.25 (of three
    # times 1, 1.5, 2.5 and 4).
    aspect = [1.25, 1.25, 1.25, 1.2, 3.2, 2.0]
    area = [1, 1, 1, 6, 1, 10]
    assert rows["size_ratio"].tolist() == [max(a, b) for a, b in zip(aspect, area, strict=True)]
    assert rows["odd_size"].tolist() == [False, False, False, True, False, True]


def test_a_limit_itself_is_not_flagged():
    table = rows(checkerboard(40, 4, 60, 200)).assign(sharpness=[LIMITS.blurry])
    assert not add_flags(table, LIMITS)["blurry"].any()
    assert add_flags(table.assign(sharpness=LIMITS.blurry - 0.01), LIMITS)["blurry"].all()


def test_flags_are_counted_by_class():
    table = add_flags(rows(*[checkerboard(64, 4, 60, 200)] * 3), LIMITS)
    counts = count_flags(table.assign(label=["cat", "dog", "cat"]))
    assert counts["flags"] == dict.fromkeys(FLAGS, 0) | {"grey": 3}
    assert counts["flags_by_class"]["grey"] == {"cat": 2, "dog": 1}
    assert counts["flags_by_class"]["dark"] == {}


def test_the_vocabulary_is_that_of_the_tables_and_of_the_parameters():
    assert tuple(RULES) == FLAGS == tuple(type(LIMITS).model_fields)
    assert {measure for measure, _ in RULES.values()} == set(MEASURES)
