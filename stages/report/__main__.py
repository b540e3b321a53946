"""One page with the results of all stages, and the model card.

Reads:  --metrics and --plots, the folders of all stages; --rejected, what clean dropped; --model;
        --templates; --evaluation and --diagnosis, folders of tables, which may be left out; beside
        these the logs of the stages' times, git, and dvc.lock
Writes: --page, one HTML file without scripts that loads nothing; --card, in the Hugging Face
        format
Params: all, since the page shows them
"""

import datetime
from typing import Any

from common import cli
from common.files import atomic_file
from common.params import Params, read_params
from common.timing import LOGS
from stages.report.captions import in_order
from stages.report.card import build_card
from stages.report.chapters import build_chapters
from stages.report.embed import embed, find_plots
from stages.report.environment import LOCK, facts, revision
from stages.report.page import first_section, heading, parameter_tables, render, summary_words
from stages.report.results import read_results
from stages.report.stage_times import timing_table


def sections(params: Params) -> dict[str, Any]:
    """All of params.yaml, by section."""
    return {
        "seed": params.seed,
        "data": params.data,
        "clean": params.clean,
        "split": params.split,
        "oversample": params.oversample,
        "augment": params.augment,
        "model": params.model,
        "train": params.train,
        "evaluate": params.evaluate,
        "diagnose": params.diagnose,
        "gradcam": params.gradcam,
        "ensemble": params.ensemble,
        "compute": params.compute,
    }


def main(argv: list[str] | None = None) -> None:
    flags = ("metrics", "plots", "rejected", "model", "templates", "page", "card")
    args = cli.parse_paths(__doc__, argv, *flags, optional=("evaluation", "diagnosis"))
    params = read_params(args.params)
    results = read_results(args.metrics, args.model, args.rejected, args.evaluation, args.diagnosis)
    plots = in_order(args.plots, find_plots(args.plots))
    images, left_out = embed(args.plots, plots)
    environment = facts(params.compute.threads)
    results_of_pipeline = (f"{args.metrics}/", f"{args.plots}/", str(LOCK))
    page = render(
        args.templates,
        **heading(params, results),
        **first_section(params, results),
        chapters=build_chapters(results, images),
        parameters=parameter_tables(sections(params)),
        environment=environment | revision(results_of_pipeline),
        timing=timing_table(args.metrics, LOGS),
        left_out=left_out,
        made=f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M}",
    )
    with atomic_file(args.page) as temporary:
        temporary.write_text(page, encoding="utf-8")
    card = build_card(args.templates, params, results, environment)
    with atomic_file(args.card) as temporary:
        temporary.write_text(card, encoding="utf-8")
    words = summary_words(page, len(images), len(plots))
    cli.summary("report", f"{words} in {args.page}; model card in {args.card}")


if __name__ == "__main__":
    cli.run(main)
