"""The stage, on images, predictions and embeddings that are made here."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from common.embeddings import write_embeddings
from common.errors import StageError
from common.files import read_json
from common.tables.dataset import Dataset, write_dataset
from common.tables.manifest import read_manifest
from common.tables.predictions import write_predictions
from stages.diagnose import __main__ as diagnose
from stages.diagnose.listings import LABEL_ERROR_COLUMNS, REVIEW_COLUMNS
from tests.helpers.images import image_bytes, make_image, write_images
from tests.helpers.pipeline import PREPROCESSING, SMALL, write_params

SIZES = {"train": 60, "val": 12, "test": 12}
PLANTED = 7  # row of train with another class's embedding


def make(folder, n_classes=2, wrong=("test", 3), **changes):
    """Runs the stage where one prediction, at most, is wrong, and one label of train."""
    names = [f"{index:03d}" for index in range(n_classes)]
    rng = np.random.default_rng(0)
    start = 0
    for split, n in SIZES.items():
        label = np.arange(n) % n_classes
        rows = [
            {
                "png": image_bytes(make_image(start + i, (32, 32))),
                "path": f"{names[label[i]]}/{start + i}.png",
                "image_id": f"{start + i:016x}",
                "label": int(label[i]),
                "group": start + i,
            }
            for i in range(n)
        ]
        write_dataset(folder / f"dataset/{split}", names, PREPROCESSING, rows)
        seen = label.copy()
        if split == "train":
            seen[PLANTED] = (seen[PLANTED] + 1) % n_classes
        vectors = 6 * np.eye(n_classes, 40)[seen] + rng.normal(size=(n, 40))
        write_embeddings(folder / f"embeddings/{split}.npy", [vectors], n)
        if split == "train":
            start += n
            continue
        sure = 0.6 + 0.3 * np.arange(n) / n  # the first image is the least sure
        p = np.repeat((1 - sure)[:, None] / (n_classes - 1), n_classes, axis=1)
        p[np.arange(n), label] = sure
        if wrong and wrong[0] == split:
            p[wrong[1]] = np.roll(p[wrong[1]], 1)
        dataset = Dataset(folder / f"dataset/{split}")
        write_predictions(folder / f"predictions/{split}.csv", dataset, p)
        start += n
    return run(folder, **changes)


def run(folder, **changes):
    params = write_params(folder / "params.yaml", **changes)
    names = ("dataset", "predictions", "embeddings", "diagnosis", "plots")
    words = [f"--{name}={folder / name}" for name in names]
    diagnose.main([*words, f"--metrics={folder / 'm.json'}", f"--params={params}"])
    return read_json(folder / "m.json")


def table(folder, name):
    return pd.read_csv(folder / f"diagnosis/{name}.csv", dtype=str)


def test_the_planted_mistake_hit_and_label_error_are_named(tmp_path, capsys):
    metrics = make(tmp_path, diagnose__unsure_hits=5)
    mistakes = table(tmp_path, "confident_mistakes")
    assert list(mistakes.columns) == REVIEW_COLUMNS
    assert mistakes.to_dict("records") == [
        {
            "path": "001/75.png",
            "split": "test",
            "label": "001",
            "predicted": "000",
            "confidence": "0.6750",
            "p_label": "0.3250",
            "image_id": f"{75:016x}",
        }
    ]
    hits = table(tmp_path, "unsure_hits")
    assert hits["path"].tolist()[:2] == ["000/60.png", "000/72.png"]
    assert hits["confidence"].tolist()[:3] == ["0.6000", "0.6000", "0.6250"]
    assert len(hits) == 5
    errors = table(tmp_path, "label_errors")
    assert list(errors.columns) == LABEL_ERROR_COLUMNS
    worst = errors.iloc[0]
    assert (worst["path"], worst["label"], worst["suggested"]) == (
        f"001/{PLANTED}.png",
        "001",
        "000",
    )
    assert worst["split"] == "train"
    assert float(worst["p_suggested"]) > float(worst["p_label"])
    assert (errors["quality"].astype(float).diff().dropna() >= 0).all()
    assert metrics["mistakes"] == {"val": 0, "test": 1}
    labels = metrics["label_errors"]
    assert labels["judged"] == labels["pictures"] == 84
    assert labels["flagged"] == len(errors) == sum(labels["per_class"].values())
    assert labels["per_split"]["train"] == (errors["split"] == "train").sum()
    assert metrics["plane"]["points"] == 84
    assert "diagnose: 1 mistakes in test, 0 in val" in capsys.readouterr().out


def test_a_repeated_run_writes_the_same_bytes(tmp_path):
    make(tmp_path)
    files = [*(tmp_path / "plots").iterdir(), *(tmp_path / "diagnosis").iterdir()]
    assert len(files) == 7
    first = {file.name: file.read_bytes() for file in [*files, tmp_path / "m.json"]}
    run(tmp_path)
    assert first == {file.name: file.read_bytes() for file in [*files, tmp_path / "m.json"]}


def test_without_mistakes_the_sheet_says_so(tmp_path):
    metrics = make(tmp_path, wrong=None)
    assert metrics["mistakes"] == {"val": 0, "test": 0}
    assert len(table(tmp_path, "confident_mistakes")) == 0
    with Image.open(tmp_path / "plots/confident_mistakes.png") as image:
        assert min(image.size) >= 150
        assert np.asarray(image.convert("L")).std() > 5


def test_thirty_classes_some_without_test_images(tmp_path, capsys):
    metrics = make(tmp_path, n_classes=30, diagnose__folds=3)
    per_class = metrics["label_errors"]["per_class"]
    assert [count is None for count in per_class.values()] == [False] * 12 + [True] * 18
    assert metrics["mistakes"]["test"] == 1
    # Of 60 training images each class has two, of val and test the first twelve one each.
    assert metrics["label_errors"]["judged"] == 12 * 4
    assert "labels of 18 class(es) were not assessed" in capsys.readouterr().err


def test_limits_bound_what_is_looked_at_and_are_stated(tmp_path, capsys):
    metrics = make(tmp_path, diagnose__label_images=40, diagnose__plane_points=20)
    assert metrics["label_errors"]["judged"] == 40
    assert metrics["label_errors"]["pictures"] == 84
    assert metrics["plane"]["points"] == 20
    assert metrics["plane"]["mistakes"] == 1
    assert "among 40 of 84 images" in capsys.readouterr().out


def test_predictions_of_other_images_are_refused(tmp_path):
    make(tmp_path)
    (tmp_path / "predictions/val.csv").write_bytes((tmp_path / "predictions/test.csv").read_bytes())
    with pytest.raises(StageError, match=r"val\.csv to hold each image of .* once"):
        run(tmp_path)


def test_classes_that_cannot_be_assessed_are_named(tmp_path, capsys):
    metrics = make(tmp_path, diagnose__label_images=3, n_classes=30)
    assert metrics["label_errors"]["flagged"] == 0
    assert metrics["label_errors"]["judged"] == 0
    assert metrics["label_errors"]["linear_accuracy"] is None
    assert "labels of 30 class(es) were not assessed" in capsys.readouterr().err


FOLDERS = """
import pandas as pd, pathlib
for row in pd.read_csv("diagnosis/label_errors.csv", dtype=str).itertuples():
    path = pathlib.Path("source", row.path)
    new = path.with_name(f"{row.image_id}-{path.name}")  # there may be one of its name
    path.rename(str(new).replace(f"/{row.label}/", f"/{row.suggested}/"))
"""
TABLE = """
import pandas as pd
new = pd.read_csv("diagnosis/label_errors.csv", dtype=str).set_index("path").suggested
old = pd.read_csv("source/labels.csv", dtype=str, keep_default_na=False)
old["target"] = old.image_name.map(new).fillna(old.target)
old.to_csv("source/labels.csv", index=False)
"""


@pytest.mark.parametrize("recipe", [FOLDERS, TABLE])
def test_the_readmes_recipe_turns_the_table_into_a_correction(run, recipe, monkeypatch):
    """Of class folders files are moved, of a label table cells are changed; then clean agrees."""
    monkeypatch.chdir(run.folder)
    write_images(run.path("source"), {"007": 6, "008": 6})
    rows = [(f"{label}/{i:03d}.png", label) for label in ("007", "008") for i in range(6)]
    if recipe is TABLE:
        run.path("source/007").rename(run.path("source/a"))
        run.path("source/008").rename(run.path("source/b"))
        homes = {"007": "a", "008": "b"}
        rows = [(f"{homes[label]}/{path[4:]}", label) for path, label in rows]
        table = pd.DataFrame(rows, columns=["image_name", "target"])
        table.to_csv(run.path("source/labels.csv"), index=False)
        write_params(run.params, **SMALL, data__labels="labels.csv")
    doubt = dict.fromkeys(LABEL_ERROR_COLUMNS, "") | {"label": "007", "suggested": "008"}
    doubt |= {"path": rows[3][0], "image_id": "0123456789abcdef"}
    run.path("diagnosis").mkdir()
    pd.DataFrame([doubt]).to_csv(run.path("diagnosis/label_errors.csv"), index=False)
    labels = []
    for correct in (False, True):
        if correct:
            exec(recipe)  # as a user would
        run.download()
        run.clean()
        manifest = read_manifest(run.path("clean/manifest.parquet"))
        labels.append(dict(zip(manifest["image_id"], manifest["label"], strict=True)))
    before, after = labels
    changed = [image for image in before if before[image] != after[image]]
    assert len(before) == len(after) == 12
    assert [(before[image], after[image]) for image in changed] == [("007", "008")]
