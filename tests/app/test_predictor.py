"""The predictor: equal to the pipeline, the same for every kind of image, exact in its rules."""

import io
import shutil

import numpy as np
import pytest
from PIL import Image

from app.predictor import Prediction, Predictor
from common.errors import StageError
from common.files import read_json, write_json
from common.images import ImageError
from common.tables.predictions import read_predictions
from tests.helpers.images import image_bytes, make_image

NAMES = ["cat", "dog", "owl"]


@pytest.fixture(scope="module")
def predictor(whole_run):
    return Predictor(whole_run.path("models"), batch_size=4)


@pytest.fixture(scope="module")
def test_table(whole_run):
    """Paths of the test split's raw files, and the probabilities that the pipeline found."""
    table = read_predictions(whole_run.path("predictions/test.csv"), NAMES)
    paths = [whole_run.path("raw") / path for path in table["path"]]
    return paths, table[[f"p_{name}" for name in NAMES]].to_numpy()


def probabilities(answers: list[Prediction]) -> np.ndarray:
    assert all(list(answer.probabilities) == NAMES for answer in answers)
    return np.array([list(answer.probabilities.values()) for answer in answers])


@pytest.mark.parametrize("precision, atol", [("float32", 1e-3), ("bfloat16", 1e-2)])
def test_test_images_get_the_pipelines_probabilities(whole_run, test_table, precision, atol):
    paths, expected = test_table
    predictor = Predictor(whole_run.path("models"), precision=precision, batch_size=4)
    predicted = probabilities(predictor.predict(paths))
    np.testing.assert_allclose(predicted, expected, atol=atol)
    np.testing.assert_allclose(predicted.sum(axis=1), 1, atol=1e-5)
    fast = predictor._fast
    assert (fast is None) == (precision == "float32")
    if fast is not None:  # and it is bfloat16 that answers
        pixels = np.stack([predictor.prepare(path).pixels for path in paths])
        fast_maps, exact_maps = fast(pixels)[0], predictor._exact(pixels)[0]
        differences = np.abs(fast_maps - exact_maps).max() / np.abs(exact_maps).max()
        assert 1e-4 < differences < 0.3


def test_unsure_answers_of_bfloat16_are_computed_again(whole_run, predictor):
    """What the model cannot be sure of gets float32's probabilities, to its last digits.

    On the way from one image to another of another class, its answer changes.
    """
    cat, dog = (np.asarray(make_image(7, (64, 64), colour), float) for colour in ("red", "blue"))
    shares = np.linspace(0, 1, 24)[:, None, None, None]
    pixels = np.rint((1 - shares) * cat + shares * dog).astype(np.uint8)
    expected = probabilities(predictor.ask(pixels))
    unsure = expected.max(axis=1) < 0.9
    assert unsure.any()
    other = Predictor(whole_run.path("models"), precision="bfloat16")
    np.testing.assert_allclose(
        probabilities(other.ask(pixels))[unsure], expected[unsure], atol=1e-6
    )


def test_all_kinds_of_one_image_get_one_answer(predictor, tmp_path):
    image = make_image(5, (90, 70), "red")
    path = tmp_path / "picture.png"
    path.write_bytes(image_bytes(image))
    array = np.asarray(image)
    grey = np.asarray(image.convert("L"))
    kinds = [path, str(path), path.read_bytes(), image, array, array.astype(np.float32)]
    predicted = probabilities(predictor.predict([*kinds, grey, np.dstack([grey] * 3)]))
    np.testing.assert_array_equal(predicted[:6], predicted[:1].repeat(6, axis=0))
    np.testing.assert_array_equal(predicted[6], predicted[7])
    assert np.abs(predicted[0] - predicted[6]).max() > 1e-3


def test_orientation_and_transparency_are_those_of_the_pipeline(predictor):
    image = make_image(7, (80, 60), "blue")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter clockwise for showing
    lying = image.transpose(Image.Transpose.ROTATE_90)
    turned = image_bytes(lying, "PNG", exif=exif)
    clear = image.convert("RGBA")
    clear.putalpha(0)
    white = Image.new("RGB", (80, 60), "white")
    predicted = probabilities(predictor.predict([turned, image, clear, white]))
    np.testing.assert_array_equal(predicted[0], predicted[1])
    np.testing.assert_array_equal(predicted[2], predicted[3])
    assert predictor.prepare(turned).aspect == pytest.approx(80 / 60)


def test_batches_change_nothing_and_may_be_of_any_size(predictor):
    pixels = np.stack([np.asarray(make_image(seed, (64, 64))) for seed in range(9)])
    together = probabilities(predictor.ask(pixels))
    alone = np.concatenate([probabilities(predictor.ask(image[None])) for image in pixels])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    assert predictor.ask(pixels[:0]) == [] == predictor.predict([])


def test_heat_maps_are_given_where_asked_for(predictor):
    pixels = np.stack([np.asarray(make_image(seed, (64, 64), "red")) for seed in range(6)])
    wanted = [True, False, False, False, False, True]
    answers = predictor.ask(pixels, wanted)
    assert [answer.heat_map is not None for answer in answers] == wanted
    whole = predictor.ask(pixels, heat_maps=True)
    for answer, all_of_them in zip(answers, whole, strict=True):
        assert all_of_them.heat_map.shape == (2, 2)
        assert all_of_them.heat_map.max() == 1 and all_of_them.heat_map.min() >= 0
        assert answer.probabilities == all_of_them.probabilities
        if answer.heat_map is not None:
            np.testing.assert_allclose(answer.heat_map, all_of_them.heat_map, atol=1e-5)


def test_a_stream_goes_on_past_what_cannot_be_used_and_reads_ahead_little(predictor, tmp_path):
    good = image_bytes(make_image(1, colour="green"))
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield b"no picture" if taken % 3 == 0 else good

    stream = predictor.stream(endless())
    pairs = [next(stream) for _ in range(9)]
    assert taken < 100
    kinds = [type(answer) for _, answer in pairs]
    assert kinds == [Prediction, Prediction, ImageError] * 3
    assert pairs[2][0] == b"no picture" and pairs[2][1].reason == "not_an_image"
    ((_, missing),) = predictor.stream([tmp_path / "none.jpg"])
    assert isinstance(missing, FileNotFoundError)
    with pytest.raises(ImageError, match="not_an_image"):
        predictor.predict([good, b"no picture", good])


@pytest.mark.parametrize(
    "image, expected",
    [
        (np.zeros((4, 4, 2), np.uint8), r"Expected an array .* Received: shape \(4, 4, 2\), uint8"),
        (np.zeros((0, 4, 3), np.uint8), r"shape \(0, 4, 3\)"),
        (np.zeros((4, 4, 3), "U1"), "<U1"),
        (np.full((4, 4, 3), 256), r"values in \[0, 255\]\. Received: 256 to 256"),
        (np.full((4, 4, 3), -1.0), "Received: -1 to -1"),
        (np.full((4, 4, 3), np.nan), "Received: nan"),
        (np.full((4, 4, 3), 0.5), "Received: 0.5 to 0.5; multiply by 255"),
    ],
)
def test_arrays_that_are_no_images_are_refused(predictor, image, expected):
    with pytest.raises(ValueError, match=expected):
        predictor.predict([image])


def test_other_things_are_refused(predictor, whole_run):
    with pytest.raises(TypeError, match="Received: NoneType"):
        predictor.predict([None])
    with pytest.raises(ValueError, match=r"precision to be one of .*'float16'"):
        Predictor(whole_run.path("models"), precision="float16")
    with pytest.raises(ValueError, match="Received: 0"):
        Predictor(whole_run.path("models"), batch_size=0)


def test_answers_follow_the_rules_of_the_decision(whole_run, copied_models):
    """With a least confidence above 1 nothing is decided, and all else is as it was."""
    path = copied_models / "decision.json"
    write_json(path, read_json(path) | {"abstain_below": 1.01})
    image = make_image(1, (64, 64), "red")
    (plain,) = Predictor(whole_run.path("models")).predict([image])
    (unsure,) = Predictor(copied_models).predict([image])
    assert (plain.decision, plain.abstained) == (plain.likeliest, False)
    assert (unsure.decision, unsure.abstained) == (None, True)
    assert unsure.probabilities == plain.probabilities
    assert unsure.confidence == max(plain.probabilities.values())


@pytest.fixture
def copied_models(whole_run, tmp_path):
    return shutil.copytree(whole_run.path("models"), tmp_path / "models")


def test_a_changed_model_file_is_refused(copied_models):
    model = copied_models / "classifier/classifier.keras"
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)
    with pytest.raises(StageError, match=r"sha256 .* Received: .* changed or damaged"):
        Predictor(copied_models)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(StageError, match=r"Expected a model in .*classifier"):
        Predictor(tmp_path)


def test_a_decision_that_is_not_the_models_is_refused(copied_models):
    (copied_models / "decision.json").unlink()
    with pytest.raises(StageError, match=r"Expected .*decision\.json"):
        Predictor(copied_models)


def test_a_stopped_jpeg_is_no_image(predictor):
    stream = io.BytesIO()
    make_image(3, (200, 200)).save(stream, "JPEG")
    with pytest.raises(ImageError, match="truncated"):
        predictor.prepare(stream.getvalue()[:-200])
