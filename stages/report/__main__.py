"""Tells the whole story on one page, and writes the model's card.

Reads:  --metrics and --plots, the folders of all stages; --rejected, what clean dropped; --model;
        --templates; where they are made --evaluation and --diagnosis, folders of tables; beside
        these the logs of the stages' times, git, and dvc.lock
Writes: --page, one HTML file without scripts that loads nothing; --card, in the Hugging Face
        format
Params: all, since the page shows them
"""

import datetime
from pathlib import Path

from common import cli
from common.errors import StageError
from common.files import atomic_file, read_json
from common.params import Params, read_params
from common.timing import LOGS
from stages.report import images
from stages.report.captions import in_order
from stages.report.card import build_card, data_name
from stages.report.chapters import build_chapters
from stages.report.environment import LOCK, lock_hash, machine, revision, timing_table, versions
from stages.report.numbers import Table, cell, flat, percent, show
from stages.report.page import render
from stages.report.summary import cautions, count_label_errors, headlines

CARD_OF_MODEL = "classifier.json"


def sections(params: Params) -> dict[str, dict]:
    """All of params.yaml, by section."""
    return {
        "seed": {"seed": params.seed},
        "data": params.data.model_dump(),
        "clean": params.clean.model_dump(),
        "split": params.split.model_dump(),
        "oversample": params.oversample.model_dump(),
        "augment": params.augment.model_dump(),
        "model": params.model.model_dump(),
        "train": params.train.model_dump(),
        "evaluate": params.evaluate.model_dump(),
        "diagnose": params.diagnose.model_dump(),
        "gradcam": params.gradcam.model_dump(),
        "ensemble": params.ensemble.model_dump(),
        "compute": params.compute.model_dump(),
    }


def read_metrics(folder: Path) -> dict[str, dict]:
    """Content of each metrics file, by the name of its stage.

    Raises:
        StageError: there is none, or one is no JSON.
    """
    found = {}
    for path in sorted(folder.glob("*.json")):
        try:
            found[path.stem] = read_json(path)
        except ValueError as error:
            raise StageError(
                f"Expected JSON in {path}. Received: {error}. Run `dvc repro {path.stem}`."
            ) from None
    if not found:
        raise StageError(f"Expected metrics in {folder}. Received: none. Run `dvc repro`.")
    return found


def main(argv: list[str] | None = None) -> None:
    flags = ("metrics", "plots", "rejected", "model", "templates", "page", "card")
    args = cli.parse_paths(__doc__, argv, *flags, optional=("evaluation", "diagnosis"))
    params = read_params(args.params)
    metrics = read_metrics(args.metrics)
    model = read_json(args.model / CARD_OF_MODEL)
    label_errors = count_label_errors(args.diagnosis)
    files = in_order(args.plots, images.find(args.plots))
    shown, left_out = images.embed(args.plots, files)
    csvs = {name: getattr(args, name) for name in ("rejected", "evaluation", "diagnosis")}
    results = (f"{args.metrics}/", f"{args.plots}/", str(LOCK))
    facts = (
        versions()
        | machine()
        | {"Threads of TensorFlow": str(params.compute.threads)}
        | {"sha256 of dvc.lock, the report's entry apart": lock_hash() or "no such file"}
    )
    timing, _ = timing_table(args.metrics, LOGS)
    test = metrics.get("evaluate", {}).get("test", {})
    page = render(
        args.templates,
        title=f"Image classifier: {data_name(params)}",
        subtitle=f"{' + '.join(params.model.backbones)}, attention {params.model.attention}; "
        f"classes {', '.join(model['class_names'])}",
        class_names=model["class_names"],
        headlines=headlines(metrics.get("evaluate", {})),
        level=percent(params.evaluate.confidence),
        n_test=show(test.get("n_examples")),
        cautions=cautions(metrics, label_errors),
        chapters=build_chapters(metrics, shown, csvs),
        parameters=[
            Table(name, ["parameter", "value"], [[cell(key), item] for key, item in flat(section)])
            for name, section in sections(params).items()
        ],
        environment=facts | revision(results),
        timing=timing,
        left_out=left_out,
        made=f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M}",
    )
    with atomic_file(args.page) as temporary:
        temporary.write_text(page, encoding="utf-8")
    card = build_card(args.templates, params, metrics, model, facts, label_errors)
    with atomic_file(args.card) as temporary:
        temporary.write_text(card, encoding="utf-8")
    cli.summary(
        "report",
        f"{len(page) / 1e6:.1f} MB with {len(shown)} of {len(files)} plots in "
        f"{args.page}; model card in {args.card}",
    )


if __name__ == "__main__":
    cli.run(main)
