"""Chapters of the page, made from the metrics files, tables and plots that are there."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from common.reason_words import WORDS
from common.tables.rejected import read_rejected
from stages.report.captions import OTHER, chapter_of_plot, chapter_of_stage
from stages.report.embed import EmbeddedImage
from stages.report.numbers import (
    Table,
    all_numbers,
    cell,
    csv_table,
    fold,
    frame_table,
    matrix,
    readable,
    values_table,
)
from stages.report.results import Results

ROWS = 20  # of a CSV that are shown


@dataclasses.dataclass
class Chapter:
    """A chapter of the page: its tables, then its images, then all numbers of its files."""

    name: str
    title: str
    intro: str
    tables: list[Table]
    images: list[EmbeddedImage]
    numbers: list[Table]


def data_tables(results: Results) -> list[Table | None]:
    """From files to images that were kept."""
    clean = results.of("clean")
    story = []
    if "files" in clean:
        dropped = clean.get("rejected_by_reason", {})
        story = [[cell("files in"), cell(clean["files"]), cell("")]]
        for key in ("junk", "outside_classes", "unlisted"):
            if clean.get(key):
                story.append([cell(readable(key)), cell(-clean[key]), cell("of no class")])
        for reason, count in sorted(dropped.items(), key=lambda item: -item[1]):
            if count:
                explanation = WORDS.get(reason, "")
                story.append([cell(readable(reason)), cell(-count), cell(explanation)])
        story.append([cell("kept"), cell(clean.get("kept")), cell("")])
    flags = [
        [cell(readable(flag)), cell(count)]
        for flag, count in clean.get("flags", {}).items()
        if count
    ]
    by_class = [
        [cell(label), cell(count)] for label, count in clean.get("kept_by_class", {}).items()
    ]
    return [
        Table("From files to pictures", ["", "files", "why"], story),
        Table("Pictures kept, by class", ["class", "pictures"], by_class),
        Table("Kept, but flagged as unusual", ["flag", "pictures"], flags),
        rejected_table(results.rejected),
    ]


def rejected_table(path: Path) -> Table | None:
    """The first files that clean dropped; None without any, or without the table."""
    if not path.is_file():
        return None
    return frame_table("Files that were dropped", read_rejected(path), path.name, ROWS)


def split_tables(results: Results) -> list[Table | None]:
    """Images by class and split, and what an epoch makes of them."""
    metrics = results.of("split")
    splits = {name: metrics[name] for name in ("train", "val", "test") if name in metrics}
    counts = {
        label: {name: split.get("per_class", {}).get(label, 0) for name, split in splits.items()}
        for label in next(iter(splits.values()), {}).get("per_class", {})
    }
    if counts:
        counts["all classes"] = {name: split.get("n_examples") for name, split in splits.items()}
    note = f"{metrics.get('leaks', 0)} near copies stood across given splits."
    epoch = results.of("oversample").get("per_class", {})
    return [
        matrix("Pictures by class and split", counts, "class", note),
        matrix("An epoch of training", epoch, "class"),
    ]


def training_tables(results: Results) -> list[Table | None]:
    """The model and how its training ended."""
    extract = fold(results.of("extract"))
    keys = ("backbone", "map_shape", "views", "engine", "precision")
    rows = [[cell(readable(key)), extract[key]] for key in keys if key in extract]
    rows += [[cell(readable(key)), value] for key, value in fold(results.of("train")).items()]
    return [Table("The model, and the epoch that was kept", ["", "value"], rows)]


def evaluation_tables(results: Results) -> list[Table | None]:
    """Test beside val, each class, calibration, threshold, slices."""
    metrics = results.of("evaluate")
    splits = {name: fold(metrics[name]) for name in ("test", "val") if name in metrics}
    keys = list(dict.fromkeys(key for cells in splits.values() for key in cells))
    rows = [
        [cell(readable(key)), *(cells.get(key, cell(None)) for cells in splits.values())]
        for key in keys
    ]
    note = "Below each number its interval, where it was computed. – is undefined."
    tables = [Table("Test and val", ["metric", *splits], rows, note)]
    for name in splits:
        per_class = metrics[name].get("per_class", {})
        tables.append(matrix(f"Each class, {name}", per_class, "class"))
    for key, value in metrics.items():
        if key not in splits and isinstance(value, dict):
            tables += generic_tables(value, readable(key))
    return tables + folder_tables(results.evaluation)


def diagnosis_tables(results: Results) -> list[Table | None]:
    """The numbers of the diagnosis, and its lists of images to act on."""
    numbers = generic_tables(results.of("diagnose"), "diagnosis")
    return numbers + folder_tables(results.diagnosis)


def explanation_tables(results: Results) -> list[Table | None]:
    """How each method of heat maps did."""
    return generic_tables(results.of("gradcam"), "heat maps")


def ensemble_tables(results: Results) -> list[Table | None]:
    """Each member and each way to average them."""
    metrics = results.of("ensemble")
    members = {
        name: {"weight": member.get("weight")} | member.get("test", {})
        for name, member in metrics.get("members", {}).items()
    }
    averages = {
        name: {key: number for key, number in value["test"].items() if key != "gain"}
        for name, value in metrics.items()
        if isinstance(value, dict) and "test" in value
    }
    return [
        matrix("Members, on test", members, "experiment"),
        matrix("Averages, on test", averages, "way"),
    ]


def no_tables(_: Results) -> list[Table | None]:
    """No tables: further results are shown with all their numbers and plots instead."""
    return []


def generic_tables(content: dict, caption: str) -> list[Table | None]:
    """Any metrics: plain values as one table, a dict of dicts as a table of its own."""
    caption = caption[:1].upper() + caption[1:]
    tables = [values_table(caption, content)]
    for key, value in content.items():
        if isinstance(value, dict):
            title = f"{caption}: {readable(key)}"
            table = matrix(title, value, "")
            tables += [table] if table else generic_tables(value, title)
    return tables


def folder_tables(folder: Path | None) -> list[Table | None]:
    """The CSVs of a folder; none without it."""
    if folder is None or not folder.is_dir():
        return []
    files = sorted(folder.glob("*.csv"))
    return [csv_table(readable(file.stem).capitalize(), file, ROWS) for file in files]


class Outline(NamedTuple):
    """What makes a chapter: its words, and the function that makes its tables."""

    title: str
    intro: str
    tables: Callable[[Results], list[Table | None]]


# In the order of the page. captions.CHAPTERS says which stages a chapter is about.
OUTLINES = {
    "data": Outline("Data", "What the source held, what was dropped, and why.", data_tables),
    "split": Outline(
        "Split", "Train to learn from, val to choose by, test to judge by, once.", split_tables
    ),
    "training": Outline(
        "Training", "What the model is made of, and how it was fitted.", training_tables
    ),
    "evaluation": Outline(
        "Evaluation",
        "Test pictures had no part in any choice; val decided some.",
        evaluation_tables,
    ),
    "diagnosis": Outline(
        "Diagnosis",
        "The pictures that matter: look at these before training again.",
        diagnosis_tables,
    ),
    "explanations": Outline(
        "Explanations",
        "What the model looked at, and whether that can be believed.",
        explanation_tables,
    ),
    "ensemble": Outline(
        "Ensemble",
        "The predictions averaged with those of other experiments.",
        ensemble_tables,
    ),
    OTHER: Outline("Further results", "", no_tables),
}


def build_chapters(results: Results, images: list[EmbeddedImage]) -> list[Chapter]:
    """The chapters that have something to say, in the order of OUTLINES."""
    chapters = []
    for name, outline in OUTLINES.items():
        tables = [table for table in outline.tables(results) if table is not None and table.rows]
        plots = [image for image in images if chapter_of_plot(image.path) == name]
        numbers = [
            all_numbers(f"{stage}.json", content)
            for stage, content in results.metrics.items()
            if chapter_of_stage(stage) == name
        ]
        if tables or plots or numbers:
            chapters.append(Chapter(name, outline.title, outline.intro, tables, plots, numbers))
    return chapters
