"""Heat map files: upright, of a readable size, with the prediction as a caption."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from app.predict.heatmaps import HeatFiles, caption, draw, shared_folder
from app.predict.inputs import ImageInput, parse_inputs
from app.predictor import Prediction, Predictor
from common.errors import StageError
from tests.helpers.images import image_bytes, make_image

SMALL = image_bytes(make_image(1, (40, 90)))


@pytest.fixture(scope="module")
def predictor(whole_run):
    return Predictor(whole_run.path("models"))


def answer(heat, decision="cat") -> Prediction:
    heat = np.asarray(heat, np.float32)
    return Prediction({"cat": 0.75, "dog": 0.25}, "cat", decision, decision is None, heat)


COLD = answer(np.zeros((2, 2)))


def test_large_images_are_reduced_and_shown_upright(predictor):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter clockwise for showing
    lying = Image.new("RGB", (2000, 3000), "red")
    lying.paste("blue", (0, 0, 2000, 1500))
    sheet = draw(image_bytes(lying, "JPEG", exif=exif), COLD, predictor)
    assert sheet.size == (1024, 683 + 6 + 683 + 30)  # 1024 x 2/3, twice, and the caption
    for top in (0, 683 + 6):
        left, right = sheet.getpixel((100, top + 300)), sheet.getpixel((900, top + 300))
        assert left[0] > 240 and left[2] < 20 and right[2] > 240 and right[0] < 20


@pytest.mark.parametrize(
    "size, expected",
    [
        ((40, 20), (256, 128 + 6 + 128 + 30)),
        ((20, 20), (256 + 6 + 256, 256 + 30)),
        ((600, 300), (600, 300 + 6 + 300 + 30)),
        ((1, 3000), (256, 1024 + 30)),  # as wide as a caption needs
        ((3000, 1), (1024, 1 + 6 + 1 + 30)),
    ],
)
def test_sizes(predictor, size, expected):
    assert draw(image_bytes(Image.new("RGB", size)), COLD, predictor).size == expected


def test_the_heat_lies_where_the_model_saw_it(predictor):
    heat = answer([[0, 1], [0, 0]])  # above, on the right
    sheet = np.asarray(draw(image_bytes(Image.new("RGB", (256, 256), "white")), heat, predictor))
    image, over = sheet[:256, :256], sheet[:256, 262:518]
    assert (image == 255).all()
    changed = (255 - over.astype(int)).sum(axis=2)
    hottest = np.unravel_index(changed.argmax(), changed.shape)
    assert hottest[0] < 128 < hottest[1]
    assert changed[200:, :56].max() < changed.max() / 4  # the interpolation has a tail


@pytest.mark.parametrize("length", [200, 230, 245, 251])
def test_the_longest_names_are_written_too(predictor, tmp_path, length):
    path = tmp_path / "in" / ("L" * length + ".jpg")
    path.parent.mkdir()
    path.write_bytes(SMALL)
    files = HeatFiles(tmp_path / "heat", str(path.parent), predictor)
    files.write(ImageInput(path.name, str(path)), COLD)
    (written,) = (tmp_path / "heat").iterdir()
    assert written.name.startswith("L" * 200) and written.name.endswith(".heat.jpg")


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        ("cat", "cat 0.750"),
        ("dog", "dog (likeliest: cat 0.750)"),
        (None, "unsure (likeliest: cat 0.750)"),
    ],
)
def test_captions(decision, expected):
    assert caption(answer(np.zeros((2, 2)), decision)) == expected


def test_the_caption_says_what_is_decided(predictor):
    """Longer captions have more ink, and none leaves the sheet."""

    def ink(prediction: Prediction) -> int:
        caption = np.asarray(draw(SMALL, prediction, predictor))[-30:, :, 0]
        assert (caption[:, -6:] == 255).all() and (caption[:, :6] == 255).all()
        return int((caption < 128).sum())

    sure, other, unsure = COLD, answer(np.zeros((2, 2)), "dog"), answer(np.zeros((2, 2)), None)
    assert 0 < ink(sure) < ink(other) < ink(unsure)
    name = "a very long name " * 20
    long = dataclasses.replace(sure, probabilities={name: 1.0}, likeliest=name, decision=name)
    assert ink(long) > ink(other)


def test_files_stand_as_their_images_do(predictor, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in ("a/x.png", "b/c/x.png", "b/c/x"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(SMALL)
    assert shared_folder(parse_inputs(["a", "b/c/x.png"])) == str(tmp_path)
    assert shared_folder(parse_inputs(["b/c/x.png", "b/c/x", "b/**/*.png"])) == str(tmp_path / "b")
    assert shared_folder(parse_inputs(["b/c/x"])) == str(tmp_path / "b/c")
    files = HeatFiles(tmp_path / "heat", shared_folder(parse_inputs(["a", "b"])), predictor)
    for path in ("a/x.png", "b/c/x.png", "b/c/x"):
        files.write(ImageInput(path, str(tmp_path / path)), COLD)
    paths = {str(p.relative_to(tmp_path / "heat")) for p in (tmp_path / "heat").rglob("*.*")}
    assert paths == {"a/x.png.heat.jpg", "b/c/x.heat.jpg", "b/c/x.png.heat.jpg"}


def test_what_cannot_be_written_and_what_cannot_be_read_are_told_apart(predictor, tmp_path):
    (tmp_path / "file").touch()
    files = HeatFiles(tmp_path / "file", str(tmp_path), predictor)
    with pytest.raises(StageError, match=r"to write .*x\.heat\.jpg"):
        files.write(ImageInput("x", str(tmp_path / "x"), SMALL), COLD)
    with pytest.raises(FileNotFoundError):
        files.write(ImageInput("x", str(tmp_path / "x")), COLD)
