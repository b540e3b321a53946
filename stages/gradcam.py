"""Shows what the model looked at in test pictures, and measures how far that can be believed.

Reads:  --dataset; --model; --predictions, its folder
Writes: --plots, a folder: a gallery of each class, right and wrong pictures beside their heat
        maps, and summary.png with some of all classes; methods.png, the methods side by side;
        faithfulness.png and randomisation.png, how they did; --metrics, the same in numbers
Params: gradcam, compute, seed
"""

import re
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path

import numpy as np

from stages.common import cli, plots, plots_heat, tables
from stages.common.errors import StageError
from stages.common.files import atomic_folder, write_json
from stages.common.params import read_params
from stages.nn import faithfulness, galleries, randomisation
from stages.nn.classifier import Classifier, load_classifier
from stages.nn.explainer import Explainer
from stages.nn.runtime import configure

SUMMARY_PICTURES = 4  # at most, right and wrong each, in summary.png
METHOD_PICTURES = 6  # at most, in methods.png
TAKEN = {"summary", "methods", "faithfulness", "randomisation"}  # names of other files


def file_name(label: str, used: set[str]) -> str:
    """A file name for a class: its letters and digits, numbered where two would be equal."""
    base = re.sub(r"[^\w-]+", "_", label).strip("_") or "class"
    name, number = base, 1
    while name.lower() in used | TAKEN:
        number += 1
        name = f"{base}_{number}"
    used.add(name.lower())
    return f"{name}.png"


def in_turn(lists: list[list]) -> list:
    """The first of each list, then the second of each, and so on."""
    return [item for rank in zip_longest(*lists) for item in rank if item is not None]


def draw_galleries(
    folder: Path, class_names: list[str], chosen: dict[str, dict], explain: Callable, method: str
) -> list[np.ndarray]:
    """Draws a page for each class, and the summary; returns the heat maps drawn."""
    heats, summary, used = [], {"right": [], "wrong": []}, set()
    headings = galleries.headings(class_names)
    meaning = f"heat: what spoke for the predicted class, by {plots_heat.NAMES[method]}"
    for label in cli.progress(class_names, "explaining", unit="class"):
        shown = {kind: explain(rows) for kind, rows in chosen[label].items()}
        for kind, items in shown.items():
            summary[kind].append(items)
            heats += [item.heat for item in items]
        page = [item.drawn for items in shown.values() for item in items]
        if page:
            title = (
                f"{plots.shorten(label, 40)}: {len(shown['right'])} right, "
                f"{len(shown['wrong'])} wrong test pictures\n{meaning}"
            )
            plots_heat.gallery(folder / file_name(label, used), title, headings, page)
    kinds = [in_turn(items)[:SUMMARY_PICTURES] for items in summary.values()]
    strip = [item.drawn for items in kinds for item in items]
    plots_heat.gallery(folder / "summary.png", f"Test pictures; {meaning}", headings, strip)
    return heats


def test_methods(
    folder: Path, classifier: Classifier, explainer: Explainer, answers, rows, batch_size, seed
) -> dict[str, dict]:
    """Puts the heat maps of some pictures to the test, draws how they did, and returns it."""
    curves = faithfulness.measure(
        classifier.model, explainer, rows, answers[rows], batch_size, seed
    )
    found = faithfulness.judge(curves, seed)
    means = {name: pair.mean(axis=1) for name, pair in curves.items()}
    plots_heat.faithfulness(folder / "faithfulness.png", means, found, len(rows))

    def heats() -> dict[str, np.ndarray]:
        parts = [
            explainer.heats(pixels, answers[some]) for some, pixels in explainer.pictures(rows)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    alike = randomisation.check(classifier.backbone, classifier.head, heats, seed)
    likeness = {
        name: {state: randomisation.mean(values) for state, values in states.items()}
        for name, states in alike.items()
    }
    plots_heat.randomisation(folder / "randomisation.png", likeness, len(rows))
    for name, states in likeness.items():
        found[name]["randomised"] = states
    return found


def report(found: dict[str, dict], n: int) -> None:
    """Says which heat maps are not to be relied on."""
    for name, row in found.items():
        title = plots_heat.NAMES[name]
        if row.get("beats_random") is False and name != faithfulness.CENTRE:
            cli.warn(
                "gradcam",
                f"{title} does no better than a random map: gain {row['gain']:+.3f} in area, "
                f"p = {row['p_value']:.2g} on {n} test pictures; do not take it as a reason",
            )
        for state, value in row.get("randomised", {}).items():
            if value is None:
                cli.warn("gradcam", f"{title}: rank correlation undefined after {state} (no heat)")
        if (row.get("randomised", {}).get(randomisation.ALL) or 0) > randomisation.ALIKE:
            cli.warn(
                "gradcam",
                f"{title} hardly changes when the model forgets everything: rank correlation "
                f"{row['randomised'][randomisation.ALL]:.2f}; it shows the pictures, not the model",
            )


def main(argv: list[str] | None = None) -> None:
    args = cli.parse_paths(__doc__, argv, "dataset", "model", "predictions", "plots", "metrics")
    params = read_params(args.params)
    configure(params.seed, params.compute.threads)
    batch_size, opacity = params.compute.batch_size, params.gradcam.opacity
    classifier = load_classifier(args.model)
    names = classifier.class_names
    dataset = tables.Dataset(args.dataset / "test")
    table = tables.read_predictions(args.predictions / "test.csv", names)
    if list(table["image_id"]) != list(dataset.image_id):
        raise StageError(
            f"Expected predictions of the pictures in {args.dataset}/test. Received: others. Run "
            "`dvc repro predict`."
        )
    explainer = Explainer(
        classifier, dataset, params.gradcam.methods, params.gradcam.layer, batch_size
    )
    answers = table["predicted"].map(names.index).to_numpy()
    chosen = {
        label: galleries.choose_rows(table, label, params.gradcam.per_class) for label in names
    }
    tested = faithfulness.choose_pictures(
        dataset.label, dataset.group, params.gradcam.faithfulness_pictures, params.seed
    )
    shown = in_turn([kinds[kind] for kind in ("wrong", "right") for kinds in chosen.values()])
    with atomic_folder(args.plots) as folder:
        heats = draw_galleries(
            folder,
            names,
            chosen,
            lambda rows: galleries.explain(explainer, names, table, rows, opacity),
            explainer.methods[0],
        )
        found = {}
        if tested:
            found = test_methods(
                folder, classifier, explainer, answers, tested, batch_size, params.seed
            )
        rows = galleries.compare(explainer, names, table, shown[:METHOD_PICTURES], opacity)
        plots_heat.methods(folder / "methods.png", explainer.methods, found, rows)
    report(found, len(tested))
    counts = {
        label: {kind: len(rows) for kind, rows in kinds.items()} for label, kinds in chosen.items()
    }
    write_json(
        args.metrics,
        {
            "explained": len(heats),
            "per_class": counts,
            # Fraction of positions at half the largest heat or more: small means a narrow look.
            "mean_focus_area": float(np.mean([(heat >= 0.5).mean() for heat in heats])),
            "tested": len(tested),
            "methods": found,
        },
    )
    better = [
        plots_heat.NAMES[name]
        for name in explainer.methods
        if found.get(name, {}).get("beats_random")
    ]
    cli.summary(
        "gradcam",
        f"{len(heats)} test pictures explained in {args.plots}; better than a random map on "
        f"{len(tested)}: {', '.join(better) or 'none'}",
    )


if __name__ == "__main__":
    cli.run(main)
