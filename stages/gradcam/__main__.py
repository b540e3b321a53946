"""Shows what the model looked at in test images, and measures how far that can be believed.

Reads:  --dataset; --model; --predictions, its folder
Writes: --plots, a folder: a gallery of each class, right and wrong images beside their heat
        maps, and summary.png with some of all classes; methods.png, the methods side by side;
        faithfulness.png and randomisation.png, how they did; --metrics, the same in numbers
Params: gradcam, compute, seed
"""

import numpy as np

from common import cli, tables
from common.errors import StageError
from common.files import atomic_folder, write_json
from common.params import read_params
from networks.classifier import load_classifier
from networks.runtime import configure
from stages.gradcam import faithfulness, galleries, plots, trials
from stages.gradcam.explainer import Explainer

METHOD_IMAGES = 6  # at most, in methods.png


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
    tested = faithfulness.choose_images(
        dataset.label, dataset.group, params.gradcam.faithfulness_images, params.seed
    )
    shown = galleries.in_turn(
        [kinds[kind] for kind in ("wrong", "right") for kinds in chosen.values()]
    )
    with atomic_folder(args.plots) as folder:
        heats = galleries.draw(
            folder,
            names,
            chosen,
            lambda rows: galleries.explain(explainer, names, table, rows, opacity),
            explainer.methods[0],
        )
        found = {}
        if tested:
            found = trials.examine(
                folder, classifier, explainer, answers, tested, batch_size, params.seed
            )
        rows = galleries.compare(explainer, names, table, shown[:METHOD_IMAGES], opacity)
        plots.methods(folder / "methods.png", explainer.methods, found, rows)
    trials.report(found, len(tested))
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
        plots.NAMES[name] for name in explainer.methods if found.get(name, {}).get("beats_random")
    ]
    cli.summary(
        "gradcam",
        f"{len(heats)} test pictures explained in {args.plots}; better than a random map on "
        f"{len(tested)}: {', '.join(better) or 'none'}",
    )


if __name__ == "__main__":
    cli.run(main)
