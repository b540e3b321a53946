"""The one list of stages of the report against the graph, and captions against their order."""

from pathlib import Path

from stages.report.captions import CAPTIONS, CHAPTERS, caption, in_order, in_stage_order
from stages.report.chapters import OUTLINES
from tests.helpers.pipeline import STAGES


def test_every_stage_but_the_report_has_a_chapter_in_the_order_of_the_graph():
    """A new stage needs its line in captions.CHAPTERS."""
    assert list(CHAPTERS) == [stage for stage in STAGES if stage != "report"]
    assert set(CHAPTERS.values()) < set(OUTLINES)


def test_every_caption_is_of_a_plot_of_a_stage():
    assert {path.split("/")[0] for path in CAPTIONS} <= set(CHAPTERS)


def test_plots_of_the_training_stand_in_this_order():
    paths = [Path("p/inspect", name) for name in ("views.png", "architecture.png", "history.png")]
    attention = [Path("p/inspect/attention", name) for name in ("channels.png", "positions.png")]
    ordered = in_order(Path("p"), [*paths, *attention, Path("p/a/unknown.png")])
    assert [path.stem for path in ordered] == [
        "history",
        "positions",
        "channels",
        "architecture",
        "views",
        "unknown",
    ]


def test_an_unknown_stage_and_an_unknown_plot_come_last():
    assert in_stage_order(["train", "zoo", "ant", "clean"]) == ["clean", "train", "ant", "zoo"]
    assert caption("zoo/odd_one.png") == ("odd one", "")
