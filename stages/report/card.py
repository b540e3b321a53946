"""The model card beside the saved model, in the Hugging Face format.

Mitchell et al. 2019, "Model cards for model reporting", https://arxiv.org/abs/1810.03993; the
metadata are those of https://huggingface.co/docs/hub/model-cards.
"""

from pathlib import Path

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from common.params import Params
from common.values import as_list
from stages.report.headlines import cautions
from stages.report.numbers import fold, percent, readable, show
from stages.report.results import Results, data_name
from stages.report.templating import load_template

TEMPLATE = "card.md"
# Of metrics/evaluate.json, the ones that have an identifier in Hugging Face's list of metrics.
IDENTIFIERS = {"accuracy": "accuracy", "f1_macro": "f1", "roc_auc": "roc_auc"}
# In this order: the first makes the sign that others begin with.
ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "\\|", "`": "\\`"}
LICENSE = "mit"  # of the code; the card says what else counts


def eval_results(evaluate: dict, dataset: str, level: str) -> list[EvalResult]:
    """The test's numbers as the model index of the card; undefined ones are left out.

    Args:
        evaluate: content of evaluate's metrics file.
        dataset: name of the data.
        level: of the intervals, as "95 %".
    """
    results = []
    for key, item in fold(evaluate.get("test", {})).items():
        if key not in IDENTIFIERS or not item.numeric:
            continue
        interval = f", {level} interval {item.interval}" if item.interval else ""
        results.append(
            EvalResult(
                task_type="image-classification",
                task_name="Image classification",
                dataset_type="imagefolder",
                dataset_name=dataset,
                dataset_split="test",
                metric_type=IDENTIFIERS[key],
                metric_name=f"{readable(key)}{interval}",
                metric_value=item.value,
            )
        )
    return results


def inline(text: object) -> str:
    """Text as one line of a Markdown table: what would end its cell or make HTML is escaped."""
    line = " ".join(str(text).split())
    for character, escaped in ESCAPES.items():
        line = line.replace(character, escaped)
    return line


def metadata(params: Params, results: Results) -> ModelCardData:
    """The card's metadata, in the terms of Hugging Face."""
    name = data_name(params.data)
    level = percent(params.evaluate.confidence)
    index = eval_results(results.of("evaluate"), name, level)
    return ModelCardData(
        license=LICENSE,
        library_name="keras",
        pipeline_tag="image-classification",
        tags=["image-classification", "keras", "dvc", *as_list(params.model.backbone)],
        metrics=[result.metric_type for result in index] or None,
        model_name=f"Classifier of {len(results.model['class_names'])} classes ({name})",
        eval_results=index or None,
    )


def build_card(templates: Path, params: Params, results: Results, facts: dict[str, str]) -> str:
    """The card's Markdown, its metadata in front.

    Args:
        templates: folder of the template.
        params: all parameters.
        results: of the other stages.
        facts: versions and machine, by name.
    """
    evaluate = results.of("evaluate")
    test, val = evaluate.get("test", {}), evaluate.get("val", {})
    filters = {"inline": inline, "show": show, "readable": readable}
    template = load_template(templates, TEMPLATE, autoescape=False, filters=filters)  # Markdown
    text = template.render(
        name=data_name(params.data),
        level=percent(params.evaluate.confidence),
        params=params,
        backbones=as_list(params.model.backbone),
        model=results.model,
        clean=results.of("clean"),
        split=results.of("split"),
        train=results.of("train"),
        test=fold(test),
        val=fold(val),
        per_class={label: fold(row) for label, row in test.get("per_class", {}).items()},
        calibration=evaluate.get("calibration") or {},
        threshold=evaluate.get("threshold") or {},
        cautions=cautions(results.metrics, results.label_errors),
        label_errors=results.label_errors,
        facts=facts,
    )
    return str(ModelCard(f"---\n{metadata(params, results).to_yaml()}\n---\n\n{text}"))
