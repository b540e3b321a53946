import pytest

from common.errors import StageError
from common.files import read_json
from common.tables.manifest import read_manifest
from tests.helpers.images import image_bytes, make_image

CHECKED = ("files", "junk", "outside_classes", "label_tables", "unlisted", "kept", "rejected")


def put(run, files: dict[str, int | str]) -> None:
    """Writes images (by seed) and texts below raw."""
    for name, content in files.items():
        path = run.path("raw") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, int):
            path.write_bytes(image_bytes(make_image(content)))
        else:
            path.write_text(content)


def manifest(run):
    frame = read_manifest(run.path("clean/manifest.parquet"))
    return {row.path: (row.label, row.given_split) for row in frame.itertuples()}


def counts(run):
    metrics = read_json(run.path("m/clean.json"))
    numbers = {name: metrics[name] for name in CHECKED}
    assert sum(numbers.values()) == 2 * numbers["files"]
    return numbers | {"missing": metrics["listed_but_missing"]}


def test_one_table_labels_the_images(run, small_params, capsys):
    table = "file;kind;part\na;007;train\nb.png;NA;\nc;NA;Test\nd;007;\ngone;NA;\n"
    put(run, {"set/all.csv": table, "set/x/a.png": 1, "set/x/b.png": 2, "set/y/c.png": 3})
    put(run, {"set/y/d.png": "no picture", "set/y/e.png": 5, "set/notes.txt": "", "Thumbs.db": ""})
    columns = {"data__image_column": "file", "data__label_column": "kind"}
    small_params(data__labels="all.csv", data__split_column="part", **columns)
    run.clean()
    assert manifest(run) == {
        "set/x/a.png": ("007", "train"),
        "set/x/b.png": ("NA", None),
        "set/y/c.png": ("NA", "test"),
    }
    assert counts(run) == {
        "files": 8,
        "junk": 1,
        "outside_classes": 0,
        "label_tables": 1,
        "unlisted": 2,
        "kept": 3,
        "rejected": 1,
        "missing": 1,
    }
    warnings = capsys.readouterr().err
    assert "1 row(s) of label tables name files that are missing: gone (set/all.csv:6)" in warnings
    assert "2 file(s) that are not in set/all.csv left out: set/notes.txt, set/y/e.png" in warnings


def test_csvs_beside_the_folders_are_no_rejected_images(run):
    put(run, {"0/a.png": 1, "0/b.png": 2, "1/a.png": 3, "1/b.png": 4, "readme.txt": ""})
    put(run, {"0.csv": "image_name,target\na.png,0\nb.png,0\n"})
    put(run, {"1/1.csv": "image_name,target\na.png,1\n"})
    run.clean()
    assert {label for label, _ in manifest(run).values()} == {"0", "1"}
    numbers = counts(run)
    assert (numbers["label_tables"], numbers["outside_classes"], numbers["missing"]) == (2, 1, 0)
    assert (numbers["kept"], numbers["rejected"], numbers["unlisted"]) == (4, 0, 0)


def test_a_contradiction_stops_the_stage_and_leaves_nothing(run):
    put(run, {"0/a.png": 1, "1/b.png": 2, "1.csv": "image_name,target\nb.png,0\n"})
    with pytest.raises(StageError, match=r"1/b\.png: folder 1, 1\.csv:2 says 0"):
        run.clean()
    assert {path.name for path in run.folder.iterdir()} == {"params.yaml", "raw"}


def test_the_same_set_by_folder_and_by_table_gives_the_same_manifest(run, small_params):
    parts = [f"{split}/{label}" for split in ("train", "test") for label in "ab"]
    images = {f"{part}/{i}.png": 10 * seed + i for seed, part in enumerate(parts) for i in (1, 2)}
    put(run, images)
    run.clean()
    by_folder = manifest(run)
    lines = [f"{path},{path.split('/')[1]},{path.split('/')[0]}" for path in images]
    put(run, {"t.csv": "\n".join(["image_name,target,split", *lines])})
    small_params(data__labels="t.csv")
    run.clean()
    assert manifest(run) == by_folder
    assert len(by_folder) == 8
