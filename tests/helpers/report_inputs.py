"""Inputs of the report and the model card: results of a small pipeline that never ran."""

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from common.files import sha256_of, write_json
from tests.helpers.pipeline import ROOT, write_params

CLASSES = ["cat", "<b>owl</b>", 'a "b" & c|d']
TEMPLATES = ROOT / "stages/report/templates"


def evaluate(n=40) -> dict:
    """Metrics of an evaluation of `n` test images; the names of classes hold markup."""
    per_class = {
        name: {
            "precision": 0.5 + i / 10,
            "precision_low": 0.4,
            "precision_high": 0.987654,
            "support": i,
        }
        for i, name in enumerate(CLASSES)
    }
    per_class[CLASSES[0]]["precision"] = None
    split = {
        "accuracy": 0.8765432,
        "accuracy_low": 0.8123,
        "accuracy_high": 0.9234,
        "f1_macro": 0.7,
        "f1_macro_low": 0.61,
        "f1_macro_high": 0.79,
        "roc_auc": None,
        "roc_auc_low": None,
        "roc_auc_high": None,
        "n_examples": n,
        "per_class": per_class,
    }
    return {
        "test": split,
        "val": split | {"accuracy": 0.9},
        "calibration": {
            "temperature": 1.25,
            "test": {"before": {"ece": 0.0811}, "after": {"ece": 0.0322}},
        },
        "threshold": None,
    }


METRICS = {
    "download": {"files": 61, "bytes": 12345},
    "clean": {
        "files": 61,
        "junk": 1,
        "kept": 57,
        "rejected": 3,
        "rejected_by_reason": {"truncated": 2, "label_conflict": 1, "empty": 0},
        "kept_by_class": dict.fromkeys(CLASSES, 19),
        "flags": {"blurry": 4, "dark": 0},
    },
    "split": {
        name: {"n_examples": n, "per_class": dict(zip(CLASSES, (n - 3, 2, 1), strict=True))}
        for name, n in (("train", 37), ("val", 10), ("test", 10))
    },
    "train": {"epochs": 7, "best_epoch": 3, "val_loss": 0.25, "trained_parameters": 1234567},
    "evaluate": evaluate(),
    "gradcam": {"methods": {"grad_cam": {"deletion": 0.31}, "random": {"deletion": 0.52}}},
}


def drawing(path: Path, width=640, height=400, noise=False) -> Path:
    """Writes an image of a few flat colours, or with as many as a photograph has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if noise:
        pixels = np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8)
        image = Image.fromarray(pixels)
    else:
        image = Image.new("RGB", (width, height), "white")
        ImageDraw.Draw(image).rectangle((9, 9, width - 9, height - 9), "steelblue", "black", 4)
    image.save(path)
    return path


def write_inputs(folder: Path, metrics=None, plots=True, **changes) -> list[str]:
    """Writes all that the stage reads below a folder; returns its command line."""
    for name, content in (METRICS if metrics is None else metrics).items():
        write_json(folder / f"metrics/{name}.json", content)
    if plots:
        for name in (
            "clean/classes",
            "evaluate/images/confusion",
            "inspect/history",
            "new/odd_one",
        ):
            drawing(folder / f"plots/{name}.png")
        drawing(folder / "plots/gradcam/summary.png", 1400, 500, noise=True)
        drawing(folder / "plots/gradcam/owl.png", 300, 200)
    (folder / "plots").mkdir(exist_ok=True)
    (folder / "rejected.csv").write_text(
        "path,label,reason,detail,kept_path\n"
        "<i>x</i>/1.png,cat,truncated,image file is truncated,\n"
        "cat/2.png,cat,label_conflict,also labelled otherwise: owl/3.png,\n"
    )
    write_params(folder / "params.yaml", **changes)
    write_json(
        folder / "model/classifier.json",
        {
            "class_names": CLASSES,
            "image_size": [64, 48],
            "resize": "stretch",
            "params": {"seed": 1},
        },
    )
    values = {
        "metrics": folder / "metrics",
        "plots": folder / "plots",
        "rejected": folder / "rejected.csv",
        "model": folder / "model",
        "templates": TEMPLATES,
        "page": folder / "report/index.html",
        "card": folder / "README.md",
        "params": folder / "params.yaml",
    }
    return [f"--{name}={value}" for name, value in values.items()]


def write_tables(folder: Path) -> list[str]:
    """Writes the tables of later stages below a folder; returns their flags."""
    (folder / "diagnosis").mkdir()
    rows = "".join(f"cat/{i}.png,cat,owl,0.{i:02}\n" for i in range(23))
    (folder / "diagnosis/label_errors.csv").write_text(f"path,label,suggested,score\n{rows}")
    (folder / "evaluation").mkdir()
    (folder / "evaluation/slices.csv").write_text(
        "slice,accuracy,accuracy_low,accuracy_high,n_examples\ndark,0.5,0.25,0.75,8\n"
    )
    return [f"--diagnosis={folder / 'diagnosis'}", f"--evaluation={folder / 'evaluation'}"]


def write_log(folder: Path, stage: str, **changes) -> None:
    """Writes the log of a stage whose metrics are those that are there."""
    content = {
        "stage": stage,
        "finished": "2026-01-02T03:04:05+00:00",
        "wall_seconds": 61.5,
        "cpu_seconds": 90.25,
        "peak_bytes": 512_000_000,
        "metrics_sha256": sha256_of(folder / f"metrics/{stage}.json"),
    }
    (folder / "logs").mkdir(exist_ok=True)
    (folder / f"logs/{stage}.json").write_text(json.dumps(content | changes))
