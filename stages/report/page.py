"""The page: one HTML file without scripts that asks nothing of any server."""

import base64
import hashlib
import itertools
from pathlib import Path
from typing import Any

from markupsafe import Markup

from common.params import Params
from common.schema import Section
from common.values import as_list
from stages.report.captions import caption
from stages.report.headlines import cautions, headlines
from stages.report.numbers import Table, cell, flat, percent, show
from stages.report.results import Results, data_name
from stages.report.templating import load_template

TEMPLATE, STYLE = "report.html", "report.css"


def heading(params: Params, results: Results) -> dict[str, str]:
    """Title of the page, and one line on the model."""
    backbones = " + ".join(as_list(params.model.backbone))
    classes = ", ".join(results.model["class_names"])
    return {
        "title": f"Image classifier: {data_name(params.data)}",
        "subtitle": f"{backbones}, attention {params.model.attention}; classes {classes}",
    }


def first_section(params: Params, results: Results) -> dict[str, Any]:
    """The numbers that stand first, and what limits them."""
    evaluate = results.of("evaluate")
    return {
        "headlines": headlines(evaluate),
        "level": percent(params.evaluate.confidence),
        "n_test": show(evaluate.get("test", {}).get("n_examples")),
        "class_names": results.model["class_names"],
        "cautions": cautions(results.metrics, results.label_errors),
    }


def parameter_tables(sections: dict[str, Any]) -> list[Table]:
    """A table for each section of params.yaml; a value without a section is one of its own."""
    tables = []
    for name, section in sections.items():
        values = section.model_dump() if isinstance(section, Section) else {name: section}
        rows = [[cell(key), value] for key, value in flat(values)]
        tables.append(Table(name, ["parameter", "value"], rows))
    return tables


def render(templates: Path, **content: Any) -> str:
    """The page's HTML.

    A content security policy names the one style sheet by its hash and admits nothing but
    embedded images, so that a browser would refuse what slipped through the escaping.

    Args:
        templates: folder of the template and its style sheet.
        **content: values that the template uses.
    """
    style = (Path(templates) / STYLE).read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    counter = itertools.count(1)
    return load_template(templates, TEMPLATE, autoescape=True).render(
        style=Markup(style),  # our own file
        style_hash=digest,
        caption=caption,
        number=lambda: next(counter),
        **content,
    )


def summary_words(page: str, n_shown: int, n_plots: int) -> str:
    """Size of the page, and how many plots of how many it shows."""
    return f"{len(page) / 1e6:.1f} MB with {n_shown} of {n_plots} plots"
