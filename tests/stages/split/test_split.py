import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from common.errors import StageError
from common.files import read_json
from common.images import decode_png, load_pixels
from common.preprocessing import Preprocessing
from common.tables.dataset import SPLITS, Dataset
from common.tables.manifest import read_manifest
from tests.helpers.images import image_bytes, make_image, write_images


def test_every_image_stands_in_one_split_resized_as_serving_will_do_it(sampled_run):
    manifest = read_manifest(sampled_run.path("clean/manifest.parquet"))
    splits = {name: Dataset(sampled_run.path("dataset") / name) for name in SPLITS}
    paths = [path for split in splits.values() for path in split.path]
    assert sorted(paths) == manifest["path"].tolist()
    test = splits["test"]
    for row, png in test.png_at(range(test.n)).items():
        raw = (sampled_run.path("raw") / test.path[row]).read_bytes()
        expected = load_pixels(raw, Preprocessing((64, 64), "stretch", 10_000_000))
        assert np.array_equal(decode_png(png), np.asarray(expected))
    assert Dataset(sampled_run.path("dataset/val")).class_names == ["cat", "dog", "owl"]
    metrics = read_json(sampled_run.path("m/split.json"))
    assert metrics["train"]["per_class"] == {"cat": 28, "dog": 14, "owl": 8}
    assert metrics["val"]["per_class"] == {"cat": 6, "dog": 3, "owl": 2}
    assert metrics["test"]["n_examples"] == 11
    assert metrics["leaks"] == 0
    assert (metrics["pictures"], metrics["dropped"]) == (72, 0)


def test_image_size_is_height_then_width(run, small_params):
    write_images(run.path("raw"), {"cat": 4, "dog": 4})
    small_params(split__image_size=[32, 48])
    run.clean()
    run.split()
    png = Dataset(run.path("dataset/val")).png_at([0])[0]
    assert Image.open(io.BytesIO(png)).size == (48, 32)


def leaking(run):
    """A train image returns, re-encoded, in the given test."""
    for split, start in (("train", 0), ("val", 1), ("test", 2)):
        write_images(run.path("raw") / split, {"cat": 4, "dog": 4}, start)
    copy = make_image(77, (160, 120))
    (run.path("raw/train/cat/leak.png")).write_bytes(image_bytes(copy))
    (run.path("raw/test/cat/leak.jpg")).write_bytes(image_bytes(copy, "JPEG", quality=90))


@pytest.mark.parametrize(("leakage", "n_train"), [("drop_train", 8), ("allow", 9)])
def test_leaks_across_given_splits_are_listed_and_handled(
    run, small_params, leakage, n_train, capsys
):
    leaking(run)
    small_params(split__leakage=leakage)
    run.clean()
    run.split()
    assert Dataset(run.path("dataset/train")).n == n_train
    assert Dataset(run.path("dataset/test")).n == 9
    metrics = read_json(run.path("m/split.json"))
    assert metrics["pictures"] == 26
    assert metrics["dropped"] == 9 - n_train
    assert sum(metrics[name]["n_examples"] for name in SPLITS) == 17 + n_train
    leaks = pd.read_csv(run.path("dataset/leaks.csv"))
    assert leaks["path"].tolist() == ["train/cat/leak.png"]
    assert leaks["other_path"].tolist() == ["test/cat/leak.jpg"]
    assert leaks["action"].tolist() == ["dropped" if leakage == "drop_train" else "kept"]
    assert "1 near copies across the given split" in capsys.readouterr().err


def test_leaks_can_be_an_error(run, small_params):
    leaking(run)
    small_params(split__leakage="error")
    run.clean()
    with pytest.raises(StageError, match=r"train/cat/leak\.png \(train\) ~ test/cat/leak\.jpg"):
        run.split()
    assert not run.path("dataset").exists()
    assert not run.path("p/split").exists()


def test_grouped_near_copies_stay_together(run, small_params):
    write_images(run.path("raw"), {"cat": 12, "dog": 12})
    for i in range(4):
        image = make_image([5, i], (160, 120))
        for size in (160, 120, 80):
            path = run.path("raw/cat") / f"series_{i}_{size}.png"
            path.write_bytes(image_bytes(image.resize((size, size * 3 // 4))))
    small_params(clean__near_duplicates="group")
    run.clean()
    run.split()
    place = {path: name for name in SPLITS for path in Dataset(run.path("dataset") / name).path}
    for i in range(4):
        assert len({place[f"cat/series_{i}_{size}.png"] for size in (160, 120, 80)}) == 1
    assert len(place) == 36


def test_too_few_images_leave_no_partial_output(run):
    write_images(run.path("raw"), {"cat": 9, "dog": 2})
    run.clean()
    with pytest.raises(StageError, match="class 'dog': expected at least 3"):
        run.split()
    assert not run.path("dataset").exists()
    assert not run.path("m/split.json").exists()


def test_raw_files_that_changed_after_cleaning_are_named(run):
    write_images(run.path("raw"), {"cat": 9, "dog": 9})
    run.clean()
    (run.path("raw/cat/003.png")).write_bytes(b"gone")
    with pytest.raises(StageError, match=r"cat/003\.png as the clean stage saw it"):
        run.split()
    assert not run.path("dataset").exists()


def test_stable_keeps_old_images_where_they_were(run, small_params):
    write_images(run.path("raw"), {"cat": 30, "dog": 30})
    small_params(split__assign="stable")
    places = []
    for _ in range(2):
        run.clean()
        run.split()
        splits = {name: Dataset(run.path("dataset") / name) for name in SPLITS}
        places.append({path: name for name, split in splits.items() for path in split.path})
        write_images(run.path("raw/more"), {"cat": 5, "dog": 9}, start=9)
    assert len(places[0]) == 60
    assert len(places[1]) == 74
    assert places[1] | places[0] == places[1]
