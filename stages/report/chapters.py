"""The chapters of the page: what each says, from the metrics files and tables that are there."""

import dataclasses
from pathlib import Path

from common.reasons import REASONS
from stages.report.captions import CHAPTERS, OTHER, chapter_of
from stages.report.images import Image
from stages.report.numbers import Table, all_numbers, cell, csv_table, fold, matrix, readable
from stages.report.numbers import values_table as values

ROWS = 20  # of a CSV that are shown
TITLES = {
    "data": ("Data", "What the source held, what was dropped, and why."),
    "split": ("Split", "Train to learn from, val to choose by, test to judge by, once."),
    "training": ("Training", "What the model is made of, and how it was fitted."),
    "evaluation": ("Evaluation", "Test pictures had no part in any choice; val decided some."),
    "diagnosis": ("Diagnosis", "The pictures that matter: look at these before training again."),
    "explanations": ("Explanations", "What the model looked at, and whether that can be believed."),
    "ensemble": ("Ensemble", "The predictions averaged with those of other experiments."),
    OTHER: ("Further results", ""),
}


@dataclasses.dataclass
class Chapter:
    """A chapter of the page: its tables, then its images, then all numbers of its files."""

    name: str
    title: str
    intro: str
    tables: list[Table]
    images: list[Image]
    numbers: list[Table]


def build_chapters(
    metrics: dict[str, dict], images: list[Image], csvs: dict[str, Path | None]
) -> list[Chapter]:
    """The chapters that have something to say, in the order of TITLES.

    Args:
        metrics: content of each metrics file, by the name of its stage.
        images: of all chapters.
        csvs: paths of the tables `rejected`, `evaluation` and `diagnosis` (the latter folders).
    """
    made = {
        "data": lambda: data_tables(metrics, csvs),
        "split": lambda: split_tables(metrics),
        "training": lambda: training_tables(metrics),
        "evaluation": lambda: evaluation_tables(metrics, csvs),
        "diagnosis": lambda: diagnosis_tables(metrics, csvs),
        "explanations": lambda: generic_tables(metrics.get("gradcam", {}), "heat maps"),
        "ensemble": lambda: ensemble_tables(metrics),
        OTHER: lambda: [],
    }
    chapters = []
    for name, (title, intro) in TITLES.items():
        tables = [table for table in made[name]() if table is not None and table.rows]
        own = [image for image in images if chapter_of(image.path) == name]
        numbers = [
            all_numbers(f"{stage}.json", content)
            for stage, content in metrics.items()
            if CHAPTERS.get(stage, OTHER) == name
        ]
        if tables or own or numbers:
            chapters.append(Chapter(name, title, intro, tables, own, numbers))
    return chapters


def data_tables(metrics: dict, csvs: dict) -> list[Table | None]:
    """From files to images that were kept."""
    clean = metrics.get("clean", {})
    story = []
    if "files" in clean:
        dropped = clean.get("rejected_by_reason", {})
        story = [[cell("files in"), cell(clean["files"]), cell("")]]
        for key in ("junk", "outside_classes", "unlisted"):
            if clean.get(key):
                story.append([cell(readable(key)), cell(-clean[key]), cell("of no class")])
        for reason, count in sorted(dropped.items(), key=lambda item: -item[1]):
            if count:
                text = REASONS.get(reason, "")
                story.append([cell(readable(reason)), cell(-count), cell(text)])
        story.append([cell("kept"), cell(clean.get("kept")), cell("")])
    flags = [
        [cell(readable(flag)), cell(count)]
        for flag, count in clean.get("flags", {}).items()
        if count
    ]
    by_class = [[cell(k), cell(v)] for k, v in clean.get("kept_by_class", {}).items()]
    rejected = csvs.get("rejected")
    return [
        Table("From files to pictures", ["", "files", "why"], story),
        Table("Pictures kept, by class", ["class", "pictures"], by_class),
        Table("Kept, but flagged as unusual", ["flag", "pictures"], flags),
        rejected and csv_table("Files that were dropped", rejected, ROWS),
    ]


def split_tables(metrics: dict) -> list[Table | None]:
    """Images by class and split, and what an epoch makes of them."""
    split = metrics.get("split", {})
    parts = {name: split[name] for name in ("train", "val", "test") if name in split}
    counts = {
        label: {name: part.get("per_class", {}).get(label, 0) for name, part in parts.items()}
        for label in next(iter(parts.values()), {}).get("per_class", {})
    }
    if counts:
        counts["all classes"] = {name: part.get("n_examples") for name, part in parts.items()}
    note = f"{split.get('leaks', 0)} near copies stood across given splits."
    return [
        matrix("Pictures by class and split", counts, "class", note),
        matrix("An epoch of training", metrics.get("oversample", {}).get("per_class", {}), "class"),
    ]


def training_tables(metrics: dict) -> list[Table | None]:
    """The model and how its training ended."""
    extract = fold(metrics.get("extract", {}))
    kept = ("backbone", "map_shape", "views")
    rows = [[cell(readable(key)), extract[key]] for key in kept if key in extract]
    rows += [[cell(readable(key)), value] for key, value in fold(metrics.get("train", {})).items()]
    return [Table("The model, and the epoch that was kept", ["", "value"], rows)]


def evaluation_tables(metrics: dict, csvs: dict) -> list[Table | None]:
    """Test beside val, each class, calibration, threshold, slices."""
    found = metrics.get("evaluate", {})
    parts = {name: fold(found[name]) for name in ("test", "val") if name in found}
    keys = list(dict.fromkeys(key for part in parts.values() for key in part))
    rows = [
        [cell(readable(key)), *(part.get(key, cell(None)) for part in parts.values())]
        for key in keys
    ]
    note = "Below each number its interval, where it was computed. – is undefined."
    tables = [Table("Test and val", ["metric", *parts], rows, note)]
    for name in parts:
        per_class = found[name].get("per_class", {})
        tables.append(matrix(f"Each class, {name}", per_class, "class"))
    for key, value in found.items():
        if key not in parts and isinstance(value, dict):
            tables += generic_tables(value, readable(key))
    return tables + folder_tables(csvs.get("evaluation"))


def diagnosis_tables(metrics: dict, csvs: dict) -> list[Table | None]:
    """The numbers of the diagnosis, and its lists of images to act on."""
    found = generic_tables(metrics.get("diagnose", {}), "diagnosis")
    return found + folder_tables(csvs.get("diagnosis"))


def ensemble_tables(metrics: dict) -> list[Table | None]:
    """Each member and each way to average them."""
    found = metrics.get("ensemble", {})
    members = {
        name: {"weight": member.get("weight")} | member.get("test", {})
        for name, member in found.get("members", {}).items()
    }
    ways = {
        name: {key: number for key, number in value["test"].items() if key != "gain"}
        for name, value in found.items()
        if isinstance(value, dict) and "test" in value
    }
    return [
        matrix("Members, on test", members, "experiment"),
        matrix("Averages, on test", ways, "way"),
    ]


def generic_tables(content: dict, caption: str) -> list[Table | None]:
    """Any metrics: plain values as one table, a dict of dicts as a table of its own."""
    caption = caption[:1].upper() + caption[1:]
    tables = [values(caption, content)]
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
