import csv
import shutil
import zipfile
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from common.errors import StageError
from common.files import read_json
from common.tables.manifest import FLAGS, read_greys, read_manifest
from common.tables.rejected import read_rejected
from stages.clean import plots
from tests.helpers.images import image_bytes, make_image
from tests.helpers.pipeline import ROOT

SHARED = ROOT.parent / "shared" / "data"


def put(run, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = run.path("raw") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def result(run):
    """(kept paths, path -> (reason, kept_path))."""
    table = read_rejected(run.path("clean/rejected.csv"))
    rejected = {row.path: (row.reason, row.kept_path) for row in table.itertuples()}
    return set(read_manifest(run.path("clean/manifest.parquet"))["path"]), rejected


def big(seed):
    return make_image(seed, (160, 120))


def test_every_fault_has_its_reason(run):
    good = big(1)
    put(
        run,
        {
            "cat/good.jpg": image_bytes(good, "JPEG", quality=95),
            "cat/empty.jpg": b"",
            "cat/page.jpg": b"<html></html>",
            "cat/cut.jpg": image_bytes(big(2), "JPEG")[:900],
            "cat/tiny.png": image_bytes(make_image(3, (23, 60))),
            "cat/sliver.png": image_bytes(make_image(4, (24 * 13, 24))),
            "cat/flat.png": image_bytes(Image.new("RGB", (60, 60), "grey")),
            "cat/copy.jpg": image_bytes(good, "JPEG", quality=95),
            "cat/half.jpg": image_bytes(good.resize((80, 60)), "JPEG", quality=95),
            "cat/mirror.jpg": image_bytes(ImageOps.mirror(big(5)), "JPEG", quality=80),
            "cat/other.png": image_bytes(big(5)),
            "cat/photo.heic": b"\0\0\0\x18ftypheic\0\0\0\0",
            "dog/dog.png": image_bytes(big(6)),
            "dog/both.png": image_bytes(big(7)),
            "cat/both.jpg": image_bytes(big(7), "JPEG", quality=90),
            "dog/.DS_Store": b"junk",
        },
    )
    run.clean()
    kept, rejected = result(run)
    assert kept == {"cat/copy.jpg", "cat/other.png", "dog/dog.png"}
    assert rejected == {
        "cat/empty.jpg": ("empty", ""),
        "cat/page.jpg": ("not_an_image", ""),
        "cat/cut.jpg": ("truncated", ""),
        "cat/tiny.png": ("too_small", ""),
        "cat/sliver.png": ("bad_aspect", ""),
        "cat/flat.png": ("no_content", ""),
        "cat/good.jpg": ("exact_duplicate", "cat/copy.jpg"),
        "cat/half.jpg": ("near_duplicate", "cat/copy.jpg"),
        "cat/mirror.jpg": ("near_duplicate", "cat/other.png"),
        "cat/photo.heic": ("unsupported_format", ""),
        "dog/both.png": ("label_conflict", ""),
        "cat/both.jpg": ("label_conflict", ""),
    }
    metrics = read_json(run.path("m/clean.json"))
    counts = [metrics[name] for name in ("files", "junk", "kept", "rejected")]
    assert counts == [16, 1, 3, 12]
    assert sum(metrics["rejected_by_reason"].values()) == 12
    assert metrics["kept_by_class"] == {"cat": 2, "dog": 1}
    drawn = {path.stem for path in run.path("p/clean").iterdir()}
    assert drawn == {
        *("classes", "shares", "sizes", "aspects", "samples"),
        *("rejected", "duplicates", "conflicts", "flags"),
    }
    for path in run.path("p/clean").iterdir():
        assert Image.open(path).size[0] >= 500


def test_flags_are_written_and_reject_nothing(run):
    ramp = Image.linear_gradient("L").resize((160, 120))
    put(
        run,
        {
            "cat/a.png": image_bytes(big(1)),
            "cat/blurry.png": image_bytes(ramp),
            "dog/b.png": image_bytes(big(2)),
            "dog/dark.png": image_bytes(big(3).point(lambda value: value // 5)),
            "dog/large.png": image_bytes(make_image(4, (640, 480))),
        },
    )
    run.clean()
    manifest = read_manifest(run.path("clean/manifest.parquet")).set_index("path")
    assert len(manifest) == 5
    flagged = {flag: set(manifest.index[manifest[flag]]) for flag in FLAGS}
    assert flagged["dark"] == {"dog/dark.png"}
    assert flagged["grey"] == {"cat/blurry.png"}
    assert flagged["odd_size"] == {"dog/large.png"}
    assert manifest.loc["dog/large.png", "size_ratio"] == 16
    assert "cat/blurry.png" in flagged["blurry"]
    metrics = read_json(run.path("m/clean.json"))
    assert metrics["flags"] == {flag: len(paths) for flag, paths in flagged.items()}
    assert metrics["flags_by_class"]["odd_size"] == {"dog": 1}


def test_copies_and_conflicts_are_drawn_side_by_side():
    row = {"detail": "", "kept_path": "", "group": 7}
    kept = pd.DataFrame({"path": ["a/1", "a/2", "a/3"], "group": [5, 6, 9]})
    rejected = [
        row | {"path": "b/9", "label": "b", "reason": "label_conflict"},
        row | {"path": "a/8", "label": "a", "reason": "label_conflict"},
        row | {"path": "a/5", "reason": "exact_duplicate", "kept_path": "a/2", "group": 6},
        row | {"path": "a/4", "reason": "near_duplicate", "kept_path": "a/3", "group": 9},
        {"path": "a/0", "label": "a", "reason": "empty", "detail": "", "kept_path": ""},
    ]
    title, strips = plots.duplicate_strips(kept, rejected)
    assert title == "2 of 2 groups of copies"
    assert [strip.paths for strip in strips] == [["a/3", "a/4"], ["a/2", "a/5"]]
    title, strips = plots.conflict_strips(rejected)
    assert title == "1 of 1 pictures under several labels"
    assert [(strip.heading, strip.paths) for strip in strips] == [("a / b", ["a/8", "b/9"])]


def test_the_largest_then_the_least_compressed_is_kept(run):
    image = big(1)
    put(
        run,
        {
            "cat/a.jpg": image_bytes(image, "JPEG", quality=60),
            "cat/b.jpg": image_bytes(image, "JPEG", quality=97),
            "cat/c.png": image_bytes(image.resize((120, 90))),
            "dog/d.png": image_bytes(big(2)),
        },
    )
    run.clean()
    assert result(run)[0] == {"cat/b.jpg", "dog/d.png"}


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"clean__near_duplicates": "group"}, {"a.jpg", "b.png", "c.png"}),
        ({"clean__near_duplicates": "off"}, {"a.jpg", "b.png", "c.png"}),
        ({"clean__min_side": 130}, set()),
        ({"clean__max_pixels": 160 * 120 - 1}, set()),
    ],
)
def test_the_parameters_decide(run, small_params, changes, kept):
    put(
        run,
        {
            "cat/a.jpg": image_bytes(big(1), "JPEG"),
            "cat/a2.jpg": image_bytes(big(1), "JPEG"),
            "cat/b.png": image_bytes(big(1)),
            "cat/c.png": image_bytes(big(3)),
            "dog/d.png": image_bytes(make_image(2, (150, 118))),
            "dog/large.png": image_bytes(make_image(9, (140, 134))),
        },
    )
    small_params(**changes)
    if not kept:
        with pytest.raises(StageError, match="two classes at least"):
            run.clean()
        return
    run.clean()
    assert {path.split("/")[1] for path in result(run)[0] if path.startswith("cat")} == kept
    manifest = read_manifest(run.path("clean/manifest.parquet")).set_index("path")
    same = manifest.loc["cat/a.jpg", "group"] == manifest.loc["cat/b.png", "group"]
    assert same == (changes["clean__near_duplicates"] == "group")
    assert manifest["group"].nunique() == (4 if same else 5)


def test_conflicts_can_be_kept_in_one_group(run, small_params):
    put(
        run,
        {
            "cat/1.png": image_bytes(big(1)),
            "dog/1.png": image_bytes(big(1)),
            "dog/2.png": image_bytes(big(2)),
        },
    )
    small_params(clean__conflicts="keep")
    run.clean()
    manifest = read_manifest(run.path("clean/manifest.parquet")).set_index("path")
    assert manifest.loc["cat/1.png", "group"] == manifest.loc["dog/1.png", "group"]


def test_copies_in_two_given_splits_are_left_to_the_split_stage(run):
    files = {"train/cat/1.png": 1, "train/cat/2.png": 2, "train/dog/3.png": 3}
    files |= {"test/cat/1.png": 1, "test/cat/1b.png": 1, "test/dog/4.png": 4}
    put(run, {name: image_bytes(big(seed)) for name, seed in files.items()})
    run.clean()
    kept, rejected = result(run)
    assert kept == set(files) - {"test/cat/1b.png"}
    assert rejected == {"test/cat/1b.png": ("exact_duplicate", "test/cat/1.png")}


def test_equal_files_without_detail_are_copies_too(run):
    ramp = Image.linear_gradient("L").resize((60, 60)).point(lambda value: 120 + value // 32)
    for name in ("cat/a.png", "cat/b.png"):
        put(run, {name: image_bytes(ramp)})
    put(run, {"cat/c.png": image_bytes(big(1)), "dog/d.png": image_bytes(big(2))})
    run.clean()
    assert result(run)[1] == {"cat/b.png": ("exact_duplicate", "cat/a.png")}


def test_one_class_only_is_an_error_and_leaves_the_reasons(run):
    put(run, {"cat/1.png": image_bytes(big(1)), "cat/2.png": image_bytes(big(2))})
    with pytest.raises(StageError, match="two classes at least"):
        run.clean()
    put(run, {"dog/1.png": b"no picture"})
    with pytest.raises(StageError, match=r"Received: cat, .*\n  dog: 1 not_an_image, e.g. dog/1"):
        run.clean()
    assert {path.name for path in run.folder.iterdir()} == {"params.yaml", "raw", "clean"}
    assert [path.name for path in run.path("clean").iterdir()] == ["rejected.csv"]
    assert set(read_rejected(run.path("clean/rejected.csv"))["path"]) == {"dog/1.png"}


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0"


def test_a_class_that_vanishes_is_an_error_unless_it_may(run, small_params):
    pictures = {f"{name}/{n}.png": image_bytes(big(n)) for name in ("cat",) for n in (1, 2)}
    pictures |= {"dog/3.png": image_bytes(big(3))}
    put(run, pictures | {f"owl/{n}.heic": HEIC + bytes([n]) for n in range(8)})
    with pytest.raises(StageError, match=r"owl: 8 unsupported_format, e.g. owl/0.heic \(a picture"):
        run.clean()
    assert len(read_rejected(run.path("clean/rejected.csv"))) == 8
    small_params(clean__missing_classes="drop")
    run.clean()
    assert result(run)[0] == set(pictures)


def test_a_set_that_holds_itself_twice_is_told_so(run):
    for folder in ("all", "cat"):
        put(run, {f"{folder}/{n}.png": image_bytes(big(n)) for n in (1, 2)})
    with pytest.raises(StageError, match="same pictures under several labels") as error:
        run.clean()
    assert "all: 2 label_conflict, e.g. all/1.png (also labelled otherwise: cat/1.png)" in str(
        error.value
    )


def test_the_result_does_not_depend_on_names_alone(run, tmp_path):
    """Renamed files: the same images are kept, under their new names."""
    seeds = [1, 1, 2, 3, 3, 3]
    put(run, {f"cat/{i}.png": image_bytes(big(seed)) for i, seed in enumerate(seeds)})
    put(run, {"dog/d.png": image_bytes(big(9))})
    run.clean()
    first = read_manifest(run.path("clean/manifest.parquet"))
    for i in range(6):
        (run.path("raw") / f"cat/{i}.png").rename(run.path("raw") / f"cat/{9 - i}.png")
    run.clean()
    second = read_manifest(run.path("clean/manifest.parquet"))
    assert set(first["image_id"]) == set(second["image_id"])
    assert len(first) == 4


FAULTS = {
    "good": lambda i: image_bytes(make_image(i, (40, 40))),
    "copy": lambda i: image_bytes(make_image(0, (40, 40))),
    "empty": lambda i: b"",
    "text": lambda i: b"hello",
    "cut": lambda i: image_bytes(make_image(i, (40, 40)))[:200],
    "small": lambda i: image_bytes(make_image(i, (9, 9))),
}


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(st.sampled_from(["cat", "dog"]), st.sampled_from([*FAULTS, "junk"])),
        max_size=12,
    )
)
def test_kept_and_rejected_and_junk_are_all_files(run, small_params, files):
    shutil.rmtree(run.path("raw"), ignore_errors=True)
    small_params(clean__conflicts="keep")
    put(run, {"cat/base.png": FAULTS["good"](100), "dog/base.png": FAULTS["good"](101)})
    for i, (label, kind) in enumerate(files):
        if kind == "junk":
            put(run, {f"{label}/{i}/.DS_Store": b""})
        else:
            put(run, {f"{label}/{i}.png": FAULTS[kind](i)})
    run.clean()
    metrics = read_json(run.path("m/clean.json"))
    kept, rejected = result(run)
    assert metrics["kept"] == len(kept)
    assert metrics["rejected"] == len(rejected)
    assert sum(metrics[name] for name in ("kept", "rejected", "junk")) == metrics["files"]
    assert metrics["files"] == len(files) + 2
    assert Counter(reason for reason, _ in rejected.values()) == Counter(
        {k: v for k, v in metrics["rejected_by_reason"].items() if v}
    )


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"the scraped pictures are not in {SHARED.name}")
def test_every_fault_of_a_scraped_set_is_found_and_no_good_image_lost(run):
    with zipfile.ZipFile(SHARED / "cats_dogs_scraped.zip") as archive:
        archive.extractall(run.path("raw"))
    run.clean()
    with (SHARED / "cats_dogs_scraped.truth.csv").open() as stream:
        truth = {row["path"]: row for row in csv.DictReader(stream)}
    kept, rejected = result(run)
    partner = {path: row["duplicate_of"] for path, row in truth.items() if row["duplicate_of"]}
    swapped = {other: path for path, other in partner.items()}
    wrong = []
    for path, row in truth.items():
        if row["expected"] == "ignore":
            continue
        expected = row["reason"] if row["expected"] == "reject" else "kept"
        received = rejected[path][0] if path in rejected else "kept"
        # Of a planted copy and its original either one may be the one that is kept.
        other = partner.get(path) or swapped.get(path)
        if received != expected and other is not None and "duplicate" in f"{expected} {received}":
            expected = truth[other]["reason"] or "kept"
        if received != expected:
            wrong.append((path, expected, received))
    assert wrong == []
    assert len(kept) == sum(row["expected"] == "keep" for row in truth.values())
    conflicts = [kept_path for reason, kept_path in rejected.values() if reason == "label_conflict"]
    assert set(conflicts) == {""}


def test_twelve_bits_in_sixteen_are_seen_and_told(run, capsys):
    """The set decides what is white; the manifest tells it to the makers of the dataset."""
    files = {}
    for seed in range(4):
        # 12 bits, and the pictures of "b" half as bright as those of "a".
        grey = np.asarray(big(seed).convert("L"), np.uint16) * 16 // (1 + seed % 2)
        grey.flat[: 4095 * (seed == 0)] = 4095
        files[f"{'ab'[seed % 2]}/{seed}.png"] = image_bytes(Image.fromarray(grey))
    put(run, files)
    run.clean()
    assert read_greys(run.path("clean/manifest.parquet")).whole == (0, 4095)
    manifest = read_manifest(run.path("clean/manifest.parquet"))
    brightness = manifest.groupby("label")["brightness"].mean()
    assert len(manifest) == 4 and 0.3 < brightness["b"] / brightness["a"] < 0.7
    assert "4095 white" in capsys.readouterr().err
