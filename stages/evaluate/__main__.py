"""Evaluates the predictions of val and test: metrics with intervals, curves, slices, decisions.

Reads:  --dataset; --predictions, a folder with val.csv and test.csv, and where the model has a
        temperature test_before_temperature.csv; --manifest; --card, which tells the temperature
Writes: --metrics; --evaluation, a folder: report.csv (classes with intervals) and slices.csv (parts
        of test, worst first); --decision, JSON: the probabilities from which a server should
        answer; --curves, a folder: CSVs for `dvc plots diff`; --plots, a folder: images
Params: seed, evaluate
"""

from common import cli
from common.files import atomic_folder, read_json, write_json
from common.params import read_params
from common.tables.dataset import PREDICTED_SPLITS, SPLITS, Dataset
from stages.evaluate import plots, slices
from stages.evaluate.abstention import decide_abstention
from stages.evaluate.classification_report import report_table, score_split
from stages.evaluate.csv_files import write_plot_data
from stages.evaluate.curves import compute_curves, write_curves
from stages.evaluate.decision import decision_of
from stages.evaluate.splits import manifest_rows, open_split
from stages.evaluate.summary import calibration_metrics, metrics_of, summary_of
from stages.evaluate.temperature import calibration_panels, read_before_temperature
from stages.evaluate.threshold import decide_threshold, positive_class


def main(argv: list[str] | None = None) -> None:
    inputs = ("dataset", "predictions", "manifest", "card")
    results = ("metrics", "evaluation", "decision", "curves", "plots")
    args = cli.parse_paths(__doc__, argv, *inputs, *results)
    params = read_params(args.params)
    rules = params.evaluate
    confidence = rules.confidence

    datasets = {name: Dataset(args.dataset / name) for name in SPLITS}
    class_names = datasets["train"].class_names
    splits = {}
    for name in PREDICTED_SPLITS:
        predictions = args.predictions / f"{name}.csv"
        splits[name] = open_split(datasets[name], predictions, rules.resamples, params.seed)
    test = splits["test"]

    scores, classes = {}, {}
    for name, split in splits.items():
        scores[name], classes[name] = score_split(split, class_names, name, confidence, rules.top_k)
    parts = slices.assign(manifest_rows(args.manifest, test.path), test.label)
    by_slice = slices.by_slice(test.right, parts, test.resamples, confidence, rules.min_slice)

    temperature = read_json(args.card)["temperature"]
    before = read_before_temperature(args.predictions, datasets["test"], temperature)
    temperature, panels = calibration_panels(splits, temperature, before)
    calibration = calibration_metrics(test.label, temperature, panels)

    threshold = None
    positive = positive_class(rules.threshold.positive, class_names, datasets["train"].label)
    if positive is not None:
        threshold = decide_threshold(splits, positive, rules.threshold, confidence)
    abstention = decide_abstention(splits, rules.abstain, confidence)

    curves = compute_curves(
        splits, class_names, panels, positive if threshold is not None else None
    )
    with atomic_folder(args.curves) as folder:
        write_curves(folder, curves, class_names)
    with atomic_folder(args.plots) as folder:
        plots.plot_confusion(folder, curves.confusion, class_names, scores["test"])
        plots.plot_roc(folder, curves.roc, class_names, scores["test"])
        plots.plot_pr(folder, curves.pr, class_names, scores["test"])
        plots.plot_reliability(folder, curves.reliability, calibration)
        plots.plot_coverage(folder, curves.coverage, abstention)
        plots.plot_report(folder, classes["test"], class_names, confidence)
        plots.plot_slices(folder, by_slice, scores["test"]["accuracy"], confidence)
        if threshold is not None:
            name, chosen = class_names[positive], threshold["threshold"]
            plots.plot_threshold(folder, curves.threshold, name, chosen)
    with atomic_folder(args.evaluation) as folder:
        write_plot_data(folder / "report.csv", report_table(classes, scores))
        write_plot_data(folder / "slices.csv", by_slice)
    decision = decision_of(class_names, positive, threshold, abstention, rules)
    write_json(args.decision, decision)
    metrics = metrics_of(scores, calibration, threshold, abstention, by_slice)
    write_json(args.metrics, metrics)
    cli.summary("evaluate", summary_of(metrics))


if __name__ == "__main__":
    cli.run(main)
