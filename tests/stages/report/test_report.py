"""The page against the numbers that it was made from, and against what a browser must not do."""

import re
from html.parser import HTMLParser
from importlib import metadata

import numpy as np
import pandas as pd
import pytest
import sklearn

from common.errors import StageError
from common.params import Params, read_params
from stages.report import __main__ as report
from stages.report.embed import embed
from tests.helpers.report_inputs import (
    CLASSES,
    METRICS,
    drawing,
    write_inputs,
    write_log,
    write_tables,
)


class Page(HTMLParser):
    """Tags with their attributes, and the text of each section."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.data, self.section, self.sections = [], [], "", {}
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        if tag == "section":
            self.section = attrs["id"]
        if tag == "data":
            self.data.append((self.section, attrs["value"]))

    def handle_data(self, data):
        before = self.sections.setdefault(self.section, "")
        self.sections[self.section] = f"{before} {' '.join(data.split())}"

    def all(self, name):
        return [attrs for tag, attrs in self.tags if tag == name]


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Runs the stage on inputs of report_inputs; gives back the page and its text."""
    monkeypatch.chdir(tmp_path)

    def run(more=(), **inputs):
        report.main([*write_inputs(tmp_path, **inputs), *more])
        html = (tmp_path / "report/index.html").read_text()
        return Page(html), html

    return run


def test_numbers_on_the_page_are_those_of_the_metrics_with_their_intervals(make):
    page, html = make()
    first = html[html.index('id="summary"') : html.index("<nav")]
    assert re.findall(r'<data class="big" value="([^"]*)">([^<]*)', first) == [
        ("0.8765432", "0.877"),
        ("0.7", "0.700"),
        ("None", "–"),
    ]
    assert "95\u00a0% interval <span>0.812\u00a0–\u00a00.923" in first
    assert 'x="81.23" width="11.11"' in first  # the bar
    values = [value for section, value in page.data if section == "evaluation"]
    for split in ("test", "val"):
        for value in METRICS["evaluate"][split].values():
            if isinstance(value, (int, float)):
                assert repr(value) in values or not str(value).startswith("0.8765")
    assert {"0.8765432", "0.9", "0.7", "40", "0.6", "0.0811", "0.0322", "1.25"} <= set(values)
    assert "0.400 – 0.988" in page.sections["evaluation"]
    story = page.sections["data"]
    for words in ("files in 61", "junk −1", "truncated −2", "label conflict −1", "kept 57"):
        assert words in story
    assert "0.310" in page.sections["explanations"]


def test_all_parameters_are_there(make, tmp_path):
    page, _ = make(data__path="some/where", train__epochs=33)
    params = read_params(tmp_path / "params.yaml")
    assert report.sections(params) == {name: getattr(params, name) for name in Params.model_fields}
    assert "some/where" in page.sections["parameters"]
    assert "epochs 33" in page.sections["parameters"]


def test_names_from_the_data_are_text_and_never_markup(make):
    page, html = make()
    assert "<b>owl" not in html
    assert "<i>x" not in html
    assert "<i>x</i>/1.png" in page.sections["data"]
    for name in CLASSES:
        assert " ".join(name.split()) in page.sections["evaluation"]


def test_the_page_loads_nothing(make):
    page, html = make()
    assert not page.all("script")
    assert not page.all("iframe")
    for _, attrs in page.tags:
        assert not [name for name in attrs if name.startswith("on") or name == "style"]
        for name in ("src", "href", "srcset", "action", "data"):
            assert re.match(r"(data:|#)", attrs.get(name, "#"))
    assert not re.search(r"@import|url\(|https?://", html)
    policy = next(m["content"] for m in page.all("meta") if "http-equiv" in m)
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert len(page.all("img")) == 6


def test_readers_without_eyes_or_mouse_get_all_of_it(make):
    page, _ = make()
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    for link in page.all("a"):
        assert link["href"].removeprefix("#") in ids
    for tag in ("main", "header", "nav", "footer", "h1"):
        assert len(page.all(tag)) == 1, tag
    assert page.all("html")[0]["lang"] == "en"
    assert all(image["alt"] for image in page.all("img"))
    assert all(cell["scope"] in ("row", "col") for cell in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    for _, attrs in page.tags:
        for name in ("aria-labelledby",):
            assert name not in attrs or attrs[name] in ids
    assert page.tags[[tag for tag, _ in page.tags].index("body") + 1][1]["href"] == "#main"


def test_known_plots_have_captions_and_unknown_ones_a_place(make):
    page, html = make()
    assert "<strong>Confusion matrix</strong> True labels down" in html
    assert "odd one" in page.sections["other"]
    assert "Class owl" in page.sections["explanations"]


def test_tables_of_later_stages_are_shown_where_they_are(make, tmp_path):
    page, _ = make()
    assert "diagnosis" not in page.sections
    page, _ = make(write_tables(tmp_path))
    assert "Likely label errors found: 23" in page.sections["summary"]
    assert "The first 20 of 23 rows" in page.sections["diagnosis"]
    assert "0.250 – 0.750" in page.sections["evaluation"]


@pytest.mark.parametrize("kept", [["split"], ["evaluate"], ["clean"]])
def test_it_works_with_whatever_is_there(make, kept):
    page, _ = make(metrics={name: METRICS[name] for name in kept}, plots=False)
    assert len(page.all("img")) == 0
    assert ("No metrics of an evaluation" in page.sections["summary"]) == (kept != ["evaluate"])


def test_two_classes_and_thirty_and_no_interval(make):
    for count in (2, 30):
        names = [f"class {i}" for i in range(count)]
        per_class = {name: {"recall": i / count, "support": 50} for i, name in enumerate(names)}
        split = {"accuracy": 0.5, "n_examples": 50 * count, "per_class": per_class}
        page, _ = make(metrics={"evaluate": {"test": split, "val": split}})
        assert f"class {count - 1}" in page.sections["evaluation"]
        assert "No intervals were computed" in page.sections["summary"]
        assert "no interval" in page.sections["summary"]


def test_times_are_of_these_results_or_said_to_be_from_the_cache(make, tmp_path):
    write_inputs(tmp_path)
    write_log(tmp_path, "clean")
    write_log(tmp_path, "train", metrics_sha256="0" * 64)
    page, _ = make()
    text = page.sections["timing"]
    assert "clean 61.5 s 90.2 s 512 MB 2026-01-02 03:04:05" in text
    assert "train – – – from DVC's cache: the run here of 2026-01-02 03:04:05 had other" in text
    assert "split – – – from DVC's cache: no run here" in text
    assert "61.5 s in all, of 1 of 6 stages" in text
    order = [text.index(name) for name in ("download", "clean", "split", "train", "evaluate")]
    assert order == sorted(order)


def test_metrics_that_are_none_stop_it(make, tmp_path):
    with pytest.raises(StageError, match=r"Expected metrics in .* Received: none"):
        make(metrics={})
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics/train.json").write_text("{")
    with pytest.raises(StageError, match=r"Expected JSON in .*train\.json.*dvc repro train"):
        make(metrics={})


def test_of_a_folder_with_a_plot_for_each_class_the_first_are_shown(make, tmp_path):
    files = [drawing(tmp_path / f"plots/gradcam/{i:02}.png", 40, 30) for i in range(30)]
    images, left_out = embed(tmp_path / "plots", files)
    assert [image.path for image in images] == [f"gradcam/{i:02}.png" for i in range(24)]
    assert left_out == [f"gradcam/{i:02}.png" for i in range(24, 30)]
    page, html = make()
    assert "8 plots are not on this page" in html  # of 32 of gradcam
    assert len(page.all("img")) == 4 + 24


def test_the_environment_is_this_one(make):
    page, _ = make()
    text = page.sections["environment"]
    for name, module in (("numpy", np), ("pandas", pd), ("scikit-learn", sklearn)):
        assert f"{name} {module.__version__}" in text
    for name in ("tensorflow", "keras", "dvc", "pillow"):
        assert f"{name} {metadata.version(name)}" in text
    assert "no git repository" in text
