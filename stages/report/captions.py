"""Captions of the plots, their order on the page, and the chapter of each stage."""

from collections.abc import Iterable
from pathlib import Path

# Stage: chapter of its metrics file and of its folder of plots. In the pipeline's order. Of a stage
# that is missing here, the results stand in the chapter OTHER.
CHAPTERS = {
    "download": "data",
    "clean": "data",
    "split": "split",
    "oversample": "split",
    "extract": "training",
    "train": "training",
    "inspect": "training",
    "predict": "evaluation",
    "evaluate": "evaluation",
    "diagnose": "diagnosis",
    "gradcam": "explanations",
    "ensemble": "ensemble",
}
OTHER = "other"

# Path below the plots' folder: title, and how to read it. In the order of the page.
CAPTIONS = {
    "download/files.png": ("Files received", "What the source held before anything was looked at."),
    "clean/classes.png": ("Files per class", "Kept, and dropped by reason."),
    "clean/shares.png": ("Shares of the classes", "Of the pictures that were kept."),
    "clean/samples.png": ("Samples", "Pictures that were kept, of each class."),
    "clean/rejected.png": ("Dropped pictures", "Those that could be decoded, with the reason."),
    "clean/duplicates.png": ("Copies", "Each kept picture beside the copies that were dropped."),
    "clean/conflicts.png": (
        "Label conflicts",
        "The same picture under two labels; which is right, only a person can tell.",
    ),
    "clean/flags.png": ("Flagged pictures", "Kept, but unusual: worth a look."),
    "clean/sizes.png": ("Sizes", "Width and height of the files, in pixels."),
    "clean/aspects.png": ("Aspects", "Width over height of the files."),
    "split/classes.png": ("Classes in each split", "Train, val and test keep the same shares."),
    "split/table.png": ("Counts", "Pictures of each class in each split."),
    "split/samples.png": ("What the model gets", "Pictures of each split, at the model's size."),
    "oversample/classes.png": ("Balance", "Pictures, and samples of an epoch, of each class."),
    "inspect/history.png": (
        "Learning curves",
        "Loss and accuracy of train and val by epoch. The marked epoch is the one that was kept. "
        "Epoch 0, where there is one, is the logistic regression that the head begins as.",
    ),
    "inspect/attention/positions.png": (
        "Where the attention looks",
        "Weights of positions, laid over validation pictures.",
    ),
    "inspect/attention/channels.png": (
        "Which channels count",
        "How far the attention's gates are open, and where classes differ most.",
    ),
    "inspect/architecture.png": ("Architecture", "The layers, with the shapes between them."),
    "inspect/views.png": ("Augmented views", "What training sees of one picture."),
    "evaluate/images/confusion.png": (
        "Confusion matrix",
        "True labels down, predicted ones across; the diagonal is right.",
    ),
    "evaluate/images/report.png": ("Each class", "Precision, recall and F1 with their support."),
    "evaluate/images/reliability.png": (
        "Reliability",
        "How often a prediction of a given probability is right; on the diagonal, as often as it "
        "says.",
    ),
    "evaluate/images/threshold.png": (
        "Threshold",
        "What other thresholds would give; the chosen one comes from val.",
    ),
    "evaluate/images/coverage.png": (
        "Accuracy against coverage",
        "Where the least sure predictions are left to people.",
    ),
    "evaluate/images/slices.png": ("Slices", "Groups of test pictures, the worst first."),
    "evaluate/images/roc.png": (
        "ROC",
        "One class against the rest; the more to the upper left, the better.",
    ),
    "evaluate/images/pr.png": (
        "Precision and recall",
        "One class against the rest; the more to the upper right, the better.",
    ),
    "diagnose/confident_mistakes.png": (
        "Most confident mistakes",
        "Wrong, and sure of it: the model's blind spots, or wrong labels.",
    ),
    "diagnose/label_errors.png": (
        "Likely label errors",
        "Found by confident learning; to be looked at before training again.",
    ),
    "diagnose/unsure_hits.png": ("Least confident hits", "Right, but only just."),
    "diagnose/plane.png": (
        "What the backbone sees",
        "Pictures as points by their pooled maps, coloured by label, mistakes marked.",
    ),
    "gradcam/summary.png": (
        "What spoke for the answer",
        "Test pictures beside heat maps of the predicted class: blue little, red most.",
    ),
    "gradcam/faithfulness.png": (
        "Are the heat maps true?",
        "What happens to the probability as the hottest parts are deleted or inserted first, "
        "against a random map and a centre blob.",
    ),
    "gradcam/randomisation.png": (
        "Do the heat maps need the model?",
        "How like themselves they stay when the model's weights are shuffled: a map that explains "
        "the model must change.",
    ),
    "gradcam/methods.png": (
        "The methods side by side",
        "The same pictures by each method; in the heading how it did in the trials.",
    ),
    "ensemble/members.png": ("Members and ensembles", "Accuracy of each, on val and test."),
}


def chapter_of_stage(stage: str) -> str:
    """The chapter that is about a stage."""
    return CHAPTERS.get(stage, OTHER)


def chapter_of_plot(path: str) -> str:
    """The chapter of a plot, by the stage whose folder its path begins with."""
    return chapter_of_stage(path.split("/")[0])


def in_stage_order(stages: Iterable[str]) -> list[str]:
    """Stages in the pipeline's order; those that are not in CHAPTERS last, by name."""
    order = {stage: number for number, stage in enumerate(CHAPTERS)}
    return sorted(stages, key=lambda stage: (order.get(stage, len(order)), stage))


def in_order(folder: Path, files: Iterable[Path]) -> list[Path]:
    """Plots below a folder by importance: those of CAPTIONS in its order, then others by path."""
    order = {path: number for number, path in enumerate(CAPTIONS)}

    def key(file: Path) -> tuple[int, str]:
        path = file.relative_to(folder).as_posix()
        return order.get(path, len(order)), path

    return sorted(files, key=key)


def caption(path: str) -> tuple[str, str]:
    """Title of a plot and how to read it; of one that is not in CAPTIONS, its name and nothing."""
    if path in CAPTIONS:
        return CAPTIONS[path]
    folder, _, name = path.rpartition("/")
    title = name.rsplit(".", 1)[0].replace("_", " ")
    if folder == "gradcam":
        return (
            f"Class {title}",
            "Its test pictures, right ones first, and their heat maps.",
        )
    return title, ""
