"""The model card beside the saved model, in the Hugging Face format.

Mitchell et al. 2019, "Model cards for model reporting", https://arxiv.org/abs/1810.03993; the
metadata are those of https://huggingface.co/docs/hub/model-cards.
"""

from pathlib import Path

import jinja2
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from common.params import Params
from common.sources import SOURCES
from stages.report.numbers import fold, percent, readable, show
from stages.report.summary import cautions

TEMPLATE = "card.md"
# Of metrics/evaluate.json, the ones that have an identifier in Hugging Face's list of metrics.
IDENTIFIERS = {"accuracy": "accuracy", "f1_macro": "f1", "roc_auc": "roc_auc"}
LICENSE = "mit"  # of the code; the card says what else counts


def data_name(params: Params) -> str:
    """A short name of the images that the model was trained on."""
    if params.data.source == "path":
        return Path(params.data.path).stem or SOURCES["path"]
    return SOURCES[params.data.source]


def results(evaluate: dict, dataset: str, level: str) -> list[EvalResult]:
    """The test's numbers as the model index of the card; undefined ones are left out.

    Args:
        evaluate: content of evaluate's metrics file.
        dataset: name of the data.
        level: of the intervals, as "95 %".
    """
    found = []
    for key, item in fold(evaluate.get("test", {})).items():
        if key not in IDENTIFIERS or not item.numeric:
            continue
        interval = f", {level} interval {item.interval}" if item.interval else ""
        found.append(
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
    return found


def inline(text: object) -> str:
    """Text as one line of a Markdown table: what would end its cell or make HTML is escaped."""
    line = " ".join(str(text).split())
    for sign, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "\\|"), ("`", "\\`")):
        line = line.replace(sign, safe)
    return line


def build_card(
    templates: Path,
    params: Params,
    metrics: dict[str, dict],
    model: dict,
    facts: dict[str, str],
    label_errors: int | None,
) -> str:
    """The card's Markdown, its metadata in front.

    Args:
        templates: folder of the template.
        params: all parameters.
        metrics: content of each metrics file, by the name of its stage.
        model: the model's own description, classifier.json.
        facts: versions, machine and revision, by name.
        label_errors: likely ones that the diagnosis found; None if it was not made.
    """
    name, level = data_name(params), percent(params.evaluate.confidence)
    evaluate = metrics.get("evaluate", {})
    found = results(evaluate, name, level)
    data = ModelCardData(
        license=LICENSE,
        library_name="keras",
        pipeline_tag="image-classification",
        tags=["image-classification", "keras", "dvc", *params.model.backbones],
        metrics=[result.metric_type for result in found] or None,
        model_name=f"Classifier of {len(model['class_names'])} classes ({name})",
        eval_results=found or None,
    )
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # Markdown: `inline` escapes what comes from data
    )
    environment.filters |= {"inline": inline, "show": show, "readable": readable}
    text = environment.get_template(TEMPLATE).render(
        name=name,
        level=level,
        params=params,
        model=model,
        clean=metrics.get("clean", {}),
        split=metrics.get("split", {}),
        train=metrics.get("train", {}),
        test=fold(evaluate.get("test", {})),
        val=fold(evaluate.get("val", {})),
        per_class={
            label: fold(row) for label, row in evaluate.get("test", {}).get("per_class", {}).items()
        },
        calibration=evaluate.get("calibration") or {},
        threshold=evaluate.get("threshold") or {},
        cautions=cautions(metrics, label_errors),
        label_errors=label_errors,
        facts=facts,
    )
    return str(ModelCard(f"---\n{data.to_yaml()}\n---\n\n{text}"))
