"""Shows what the model looked at, on right and wrong test pictures of each class.

Reads:  --dataset; --features, the maps of its splits, if the backbone is frozen; --model;
        --predictions, its folder
Writes: --plots, a folder: one picture per class, and summary.png with one picture of each kind;
        --metrics
Params: gradcam, compute, seed
"""

import re
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path

import numpy as np
import pandas as pd

from stages.common import cli, images, plots, plots_images, tables
from stages.common.errors import StageError
from stages.common.files import atomic_folder, write_json
from stages.common.params import read_params
from stages.nn.classifier import Classifier, load_classifier
from stages.nn.features import cached_maps, read_maps
from stages.nn.gradcam import grad_cam, overlay
from stages.nn.pixels import fresh_maps
from stages.nn.runtime import configure

SUMMARY_PICTURES = 6  # at most, in each row of summary.png


def choose_rows(predictions: pd.DataFrame, label: str, per_class: int) -> dict[str, list[int]]:
    """Picks test pictures of one class: {"right": rows, "wrong": rows}.

    Right ones are spread evenly over the model's confidence; wrong ones are the surest.
    """
    own = predictions[predictions["label"] == label]
    chosen = {}
    for kind, rows in (
        ("right", own[own["predicted"] == label]),
        ("wrong", own[own["predicted"] != label]),
    ):
        confidence = rows.filter(like="p_").max(axis=1)
        ordered = confidence.sort_values(ascending=False, kind="stable").index.to_numpy()
        if kind == "right" and len(ordered) > per_class:
            ordered = ordered[np.linspace(0, len(ordered) - 1, per_class).astype(int)]
        chosen[kind] = ordered[:per_class].tolist()
    return chosen


def explain(
    classifier: Classifier,
    dataset: tables.Dataset,
    maps_at: Callable[[list[int]], np.ndarray],
    predictions: pd.DataFrame,
    rows: list[int],
    opacity: float,
) -> list[dict]:
    """Heat maps of test pictures for the class that was predicted.

    Returns:
        One dict per row: `image` (uint8, picture and overlay side by side), `caption`, `heat`
        (float (h, w)), and `row`.
    """
    if not rows:
        return []
    found = dataset.png_at(rows)
    predicted = [classifier.class_names.index(predictions.loc[row, "predicted"]) for row in rows]
    heats = grad_cam(classifier.head, maps_at(rows), np.array(predicted))
    results = []
    for row, heat in zip(rows, heats, strict=True):
        pixels = images.decode_png(found[row])
        label, answer = predictions.loc[row, "label"], predictions.loc[row, "predicted"]
        sure = predictions.loc[row, f"p_{answer}"]
        caption = f"{plots.shorten(answer, 20)}: {sure:.1%}"
        if answer != label:
            caption += f"\nwrong, is {plots.shorten(label, 20)}"
        seam = np.full((pixels.shape[0], 4, 3), 255, np.uint8)
        both = np.concatenate([pixels, seam, overlay(pixels, heat, opacity)], axis=1)
        results.append({"row": row, "image": both, "caption": caption, "heat": heat})
    return results


def file_name(label: str, used: set[str]) -> str:
    """A file name for a class: its letters and digits, numbered where two would be equal."""
    base = re.sub(r"[^\w-]+", "_", label).strip("_") or "class"
    name, number = base, 1
    while name.lower() in used | {"summary"}:
        number += 1
        name = f"{base}_{number}"
    used.add(name.lower())
    return f"{name}.png"


def draw_class(path: Path, label: str, shown: dict[str, list[dict]], columns: int) -> None:
    """Draws one class: right pictures first, then wrong ones."""
    items = shown["right"] + shown["wrong"]
    plots_images.image_grid(
        path,
        f"{plots.shorten(label, 40)}: {len(shown['right'])} right, {len(shown['wrong'])} wrong "
        "test pictures\nheat: what spoke for the predicted class (blue little, red most)",
        [item["image"] for item in items],
        [item["caption"] for item in items],
        columns=columns,
        side=3.0,
        aspect=0.5,
    )


def in_turn(lists: list[list]) -> list:
    """The first of each list, then the second of each, and so on."""
    return [item for rank in zip_longest(*lists) for item in rank if item is not None]


def main(argv: list[str] | None = None) -> None:
    args = cli.parse_paths(
        __doc__, argv, "dataset", "features", "model", "predictions", "plots", "metrics"
    )
    params = read_params(args.params)
    configure(params.seed, params.compute.threads)
    classifier = load_classifier(args.model)
    dataset = tables.Dataset(args.dataset / "test")
    if classifier.frozen:
        maps_at = cached_maps(read_maps(args.features / "test.npy", dataset))
    else:
        maps_at = fresh_maps(classifier.backbone, dataset)
    predictions = tables.read_predictions(args.predictions / "test.csv", classifier.class_names)
    if list(predictions["image_id"]) != list(dataset.image_id):
        raise StageError(
            f"Expected predictions of the pictures in {args.dataset}/test. Received: others. Run "
            "`dvc repro predict`."
        )
    opacity = params.gradcam.opacity
    counts, summary, focus, used = {}, {"right": [], "wrong": []}, [], set()
    with atomic_folder(args.plots) as folder:
        for label in cli.progress(classifier.class_names, "explaining", unit="class"):
            chosen = choose_rows(predictions, label, params.gradcam.per_class)
            shown = {
                kind: explain(classifier, dataset, maps_at, predictions, rows, opacity)
                for kind, rows in chosen.items()
            }
            counts[label] = {kind: len(items) for kind, items in shown.items()}
            for kind, items in shown.items():
                summary[kind].append(items)
                focus += [float((item["heat"] >= 0.5).mean()) for item in items]
            if shown["right"] or shown["wrong"]:
                columns = max(2, min(4, params.gradcam.per_class))
                draw_class(folder / file_name(label, used), label, shown, columns)
        strip = [item for kind in summary for item in in_turn(summary[kind])[:SUMMARY_PICTURES]]
        plots_images.image_grid(
            folder / "summary.png",
            "Test pictures and what spoke for the predicted class (blue little, red most)",
            [item["image"] for item in strip],
            [item["caption"] for item in strip],
            columns=3,
            side=3.0,
            aspect=0.5,
        )
    write_json(
        args.metrics,
        {
            "explained": sum(sum(kinds.values()) for kinds in counts.values()),
            "per_class": counts,
            # Fraction of positions at half the largest heat or more: small means a narrow look.
            "mean_focus_area": float(np.mean(focus)) if focus else None,
        },
    )
    total = sum(sum(kinds.values()) for kinds in counts.values())
    cli.summary("gradcam", f"{total} test pictures explained in {args.plots}")


if __name__ == "__main__":
    cli.run(main)
