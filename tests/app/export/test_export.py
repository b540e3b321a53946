"""Exports: the same answers as Keras in every format, and a refusal where they are not."""

import dataclasses
import json
import shutil
import sys

import keras
import numpy as np
import pytest

from app.export import __main__ as export
from app.export import comparison, formats, samples
from common.errors import StageError
from common.files import sha256_of
from common.tables.dataset import Dataset
from networks.classifier import compose, load_classifier
from networks.heads import build_head
from networks.pixels import decode_batch
from stages.train.saving import save_classifier
from tests.helpers.training_sets import PLAIN


@pytest.fixture(scope="module")
def models(whole_run):
    """The folder models/ as the finished pipeline leaves it."""
    return whole_run.path("models")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The same of a small network with random weights, and a layer Normalization at its door."""
    keras.utils.set_random_seed(1)
    pixels = keras.Input((64, 64, 3))
    scaled = keras.layers.Normalization(mean=[120.0] * 3, variance=[900.0] * 3)(pixels)
    maps = keras.layers.Conv2D(8, 3, strides=4, activation="relu")(scaled)
    backbone = keras.Model(pixels, maps, name="backbone")
    model = compose(backbone, build_head(backbone.output_shape[1:], 3, "pool", PLAIN))
    folder = tmp_path_factory.mktemp("tiny") / "models"
    card = {"class_names": ["cat", "dog", "owl"], "image_size": [64, 64], "resize": "stretch"}
    save_classifier(folder / "classifier", model, card | {"max_pixels": 10**6, "frozen": False})
    return folder


@pytest.fixture(scope="module")
def classifier(models):
    return load_classifier(models / "classifier")


@pytest.fixture(scope="module")
def exported(whole_run, models, tmp_path_factory):
    """All formats, by two calls; the folder of exports."""
    out = tmp_path_factory.mktemp("out") / "exports"
    where = [f"--model={models}", f"--dataset={whole_run.path('dataset')}", f"--out={out}"]
    export.main(["--format", "savedmodel", "onnx", "tflite", "openvino", *where])
    export.main(["--format", "tflite", "--quantise", "int8", *where])
    return out


@pytest.fixture(scope="module")
def pixels(whole_run):
    return decode_batch(
        list(next(Dataset(whole_run.path("dataset") / "train").png_batches(9)))
    ).astype(np.float32)


@pytest.mark.parametrize("name", ["savedmodel", "onnx", "tflite", "openvino"])
def test_a_format_gives_the_probabilities_of_the_keras_model(name, exported, classifier, pixels):
    ask = formats.FORMATS[name].open(exported / name / formats.FORMATS[name].file)
    expected = classifier.model(pixels, training=False).numpy()
    for batch in (1, 9, 4):  # the batch is free, also after another one
        probabilities = ask(pixels[:batch])
        assert probabilities.dtype == np.float32
        np.testing.assert_allclose(probabilities, expected[:batch], atol=1e-5)


@pytest.mark.parametrize("name", ["savedmodel", "onnx", "tflite", "openvino", "tflite_int8"])
def test_the_card_tells_how_to_feed_the_file(name, exported, models, classifier):
    card = json.loads((exported / name / "export.json").read_text())
    height, width = classifier.preprocessing.image_size
    assert card["input"]["name"] == "pixels"
    assert card["input"]["shape"] == [None, height, width, 3]
    assert card["input"]["resize"] == classifier.preprocessing.resize
    assert card["output"]["shape"] == [None, 3]
    assert card["class_names"] == ["cat", "dog", "owl"]
    assert card["decision"] == json.loads((models / "decision.json").read_text())
    source = models / "classifier" / "classifier.keras"
    assert card["source"] == {"classifier.keras": sha256_of(source)}
    files = {
        path.relative_to(exported / name).as_posix(): sha256_of(path)
        for path in (exported / name).rglob("*")
        if path.is_file() and path.name != "export.json"
    }
    assert card["files"] == files
    assert card["model"] == "." or card["model"] in files
    assert card["check"]["pictures"] > 0
    assert card["versions"]["tensorflow"].startswith("2.")


def test_onnx_calls_its_free_axis_batch(exported):
    import onnx

    graph = onnx.load(exported / "onnx" / "model.onnx").graph
    assert [value.name for value in (*graph.input, *graph.output)] == ["pixels", "probabilities"]
    for value in (*graph.input, *graph.output):
        assert value.type.tensor_type.shape.dim[0].dim_param == "batch"


def test_int8_is_smaller_and_its_loss_is_measured(exported, whole_run, classifier):
    small, large = (exported / name / "export.json" for name in ("tflite_int8", "tflite"))
    small, large = json.loads(small.read_text()), json.loads(large.read_text())
    assert small["bytes"] < 0.4 * large["bytes"]
    split = samples.dataset_samples(whole_run.path("dataset"), classifier, None)
    ask = formats.open_tflite(exported / "tflite_int8" / "model_int8.tflite")
    asked = np.stack(list(split.read())).astype(np.float32)
    expected, probabilities = classifier.model(asked, training=False).numpy(), ask(asked)
    difference = np.abs(expected - probabilities).max(axis=1)
    check = small["check"]
    assert check["pictures"] == len(asked)
    assert check["mean_difference"] == pytest.approx(difference.mean(), abs=1e-6)
    assert 1e-4 < difference.max() == pytest.approx(check["largest_difference"], abs=1e-6)
    assert check["accuracy_keras"] == (expected.argmax(axis=1) == split.label).mean()
    assert check["accuracy_export"] == (probabilities.argmax(axis=1) == split.label).mean()
    assert check["mean_difference"] <= check["bound_of_mean"] == comparison.INT8_BOUND


def test_a_quantised_model_over_the_bound_is_refused_and_the_old_export_stays(
    whole_run, tiny, exported, capsys
):
    before = sorted((path, path.stat().st_mtime_ns) for path in exported.rglob("*"))
    words = ["--format", "tflite", "--quantise", "int8", "--bound", "0", f"--model={tiny}"]
    with pytest.raises(StageError, match=r"tflite_int8 export within 0 .*accuracy .* before"):
        export.main([*words, f"--dataset={whole_run.path('dataset')}", f"--out={exported}"])
    assert sorted((path, path.stat().st_mtime_ns) for path in exported.rglob("*")) == before
    assert capsys.readouterr().out == ""


def test_a_file_of_other_weights_is_refused(whole_run, exported, classifier):
    other = keras.models.clone_model(classifier.head)  # the same layers, untrained
    wrong = keras.Model(classifier.model.input, other(classifier.backbone(classifier.model.input)))
    split = samples.dataset_samples(whole_run.path("dataset"), classifier, None)
    ask = formats.open_onnx(exported / "onnx" / "model.onnx")
    right = comparison.compare(classifier.model, ask, split, "right")
    comparison.require_close(right, "onnx")
    with pytest.raises(StageError, match=r"onnx export within 0\.001 .* Nothing was written"):
        comparison.require_close(comparison.compare(wrong, ask, split, "wrong"), "onnx")


def test_a_comparison_counts_what_it_says():
    """Worked out by hand: two images of three turn, one of them from right to wrong."""
    answers = {0: [0.9, 0.1], 1: [0.4, 0.6], 2: [0.5, 0.5]}
    images = [np.full((2, 2, 3), value, np.uint8) for value in answers]
    given = samples.Samples("hand", 3, np.array([0, 1, 0]), lambda: iter(images))

    def table(rows):
        return lambda pixels, **_: np.array([rows[int(image[0, 0, 0])] for image in pixels])

    changed = {0: [0.7, 0.3], 1: [0.6, 0.4], 2: [0.4, 0.6]}
    differences = comparison.compare(table(answers), table(changed), given, "")
    assert differences.images == 3
    assert differences.largest_difference == pytest.approx(0.2)
    assert differences.mean_difference == pytest.approx(0.5 / 3)
    assert differences.agreement == pytest.approx(1 / 3)
    assert (differences.accuracy_keras, differences.accuracy_export) == (1.0, pytest.approx(1 / 3))
    broken = comparison.compare(table(answers), table(changed | {2: [np.nan, 1]}), given, "")
    with pytest.raises(StageError, match="nan"):
        comparison.require_close(broken, "onnx")
    with pytest.raises(StageError, match="nan"):
        comparison.require_close_in_the_mean(broken, "tflite_int8", 1)
    with pytest.raises(StageError, match=r"shape \(1, 2\).*Received: \(1, 3\)"):
        comparison.compare(table(answers), table({0: [1, 0, 0]}), given, "")


@pytest.mark.parametrize("package", ["onnx", "tf2onnx", "onnxruntime", "openvino"])
def test_a_missing_package_is_named(package, models, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)  # Python's own way to say: not to be had
    name = "openvino" if package == "openvino" else "onnx"
    with pytest.raises(StageError, match=f"Received: {package} not installed.*pip install"):
        export.main(["--format", name, f"--model={models}", f"--out={tmp_path / 'out'}"])
    assert not (tmp_path / "out").exists()


def test_openvino_is_used_without_its_telemetry(exported):
    assert sys.modules["openvino_telemetry"] is None
    assert "openvino" in sys.modules


def test_images_of_any_folder_serve_where_there_is_no_dataset(whole_run, tiny, tmp_path):
    folder = tmp_path / "mine"
    shutil.copytree(whole_run.path("source"), folder)
    (folder / "notes.txt").write_text("no picture")
    words = [f"--model={tiny}", f"--out={tmp_path / 'out'}", "--format", "onnx"]
    export.main([*words, "--check-folder", str(folder), "--images", "7"])
    check = json.loads((tmp_path / "out/onnx/export.json").read_text())["check"]
    assert check["pictures"] in (6, 7)  # the notes may be among the seven
    assert check["accuracy_keras"] is None
    assert check["largest_difference"] < 1e-5  # Keras's own export loses the normalisation
    with pytest.raises(StageError, match=r"no such folder.*--check-folder"):
        export.main([*words, f"--dataset={tmp_path / 'absent'}"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(StageError, match="Received: no files"):
        export.main([*words, f"--check-folder={tmp_path / 'empty'}"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--format", "onnx", "--quantise", "int8"], "Only tflite is quantised"),
        (["--format", "tflite", "--quantise", "int8", "--check-folder", "x"], "--dataset with"),
        (["--format", "onnx", "--pictures", "0"], "--images of at least 1"),
    ],
)
def test_flags_that_do_not_go_together_are_refused(words, message):
    with pytest.raises(StageError, match=message):
        export.main(words)


def test_a_dataset_of_other_classes_is_refused(whole_run, classifier):
    other = classifier.__class__(**(vars(classifier) | {"class_names": ["cat", "dog", "emu"]}))
    with pytest.raises(StageError, match=r"model's classes.*emu.*Received.*owl"):
        samples.dataset_samples(whole_run.path("dataset"), other, None)
    preprocessing = classifier.preprocessing._replace(image_size=(65, 64))
    larger = dataclasses.replace(classifier, preprocessing=preprocessing)
    with pytest.raises(StageError, match=r"\(65, 64\).*Received: \(64, 64\)"):
        samples.dataset_samples(whole_run.path("dataset"), larger, None)


def test_images_are_spread_evenly():
    assert samples.spread(9, 3).tolist() == [0, 4, 8]
    assert samples.spread(3, 9).tolist() == [0, 1, 2]
    assert samples.spread(4, None).tolist() == [0, 1, 2, 3]
    assert samples.spread(0, 5).tolist() == []


def test_the_calibration_set_is_stratified(whole_run, classifier, monkeypatch):
    monkeypatch.setattr(samples, "CALIBRATION", 15)
    calibration = samples.calibration_samples(whole_run.path("dataset"), classifier)
    assert np.bincount(calibration.label).tolist() == [5, 5, 5]
    assert calibration.n == len(list(calibration.read())) == 15
    again = samples.calibration_samples(whole_run.path("dataset"), classifier)
    for image, same_image in zip(calibration.read(), again.read(), strict=True):
        np.testing.assert_array_equal(image, same_image)


def test_the_first_batch_is_one_image_and_the_last_what_is_left():
    images = [np.full((1, 1, 3), value, np.uint8) for value in range(70)]
    batches = list(samples.Samples("", 70, None, lambda: iter(images)).batches())
    assert [len(batch) for batch in batches] == [1, 32, 32, 5]
    assert np.concatenate(batches)[:, 0, 0, 0].tolist() == list(range(70))
