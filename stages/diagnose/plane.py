"""Embeddings in the plane: PCA and t-SNE of a sample of all images, and their plot."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.patheffects import withStroke
from scipy.spatial import cKDTree
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, trustworthiness
from threadpoolctl import threadpool_limits

from common import cli
from common.plots.style import COLOURS, colour_of, drawing, shorten
from common.tables.dataset import PREDICTED_SPLITS
from stages.diagnose.all_images import AllImages

COMPONENTS = 50  # of PCA, before t-SNE, as its authors do
PERPLEXITY = 30  # neighbours that count, about; scikit-learn's default
NEIGHBOURS = 5  # of trustworthiness
NAMED = range(5, 41)  # with so many classes their names stand in the plane
LISTED = 80  # classes in the legend at most
MARKERS = "osD^vPX*"
SPLIT_MARKS = {"val": ("#777777", "val"), "test": ("black", "test")}


class Plane(NamedTuple):
    """Embeddings in the plane.

    Attributes:
        points: float64 (n, 2).
        trustworthiness: 0 to 1, how few of the nearest neighbours in the plane are none among
            the vectors (Venna & Kaski 2001); None with too few images to say.
    """

    points: np.ndarray
    trustworthiness: float | None


class Sample(NamedTuple):
    """The images that are drawn.

    Attributes:
        plane: their embeddings in the plane; None where there is nothing to see.
        label: int (n,).
        wrong: for val and test, bool (n,), the mistakes among them.
        title: of the plot.
    """

    plane: Plane | None
    label: np.ndarray
    wrong: dict[str, np.ndarray]
    title: str

    @property
    def trustworthiness(self) -> float | None:
        """That of the plane; None without one."""
        return None if self.plane is None else self.plane.trustworthiness


def sample(images: AllImages, predicted: pd.DataFrame, limit: int, seed: int) -> Sample:
    """Chooses images and places their embeddings in the plane.

    Args:
        images: all of them.
        predicted: as from `predicted.predicted_rows`.
        limit: of the number of images.
        seed: of the choice, of PCA and of t-SNE.
    """
    frame = images.frame.merge(predicted, "left", on=["split", "path"], suffixes=("", "_name"))
    mistaken = (frame["predicted"].notna() & (frame["predicted"] != frame["label_name"])).to_numpy()
    rows = choose(mistaken, frame["confidence"].to_numpy(), limit, seed)
    plane = project(images.vectors(rows), seed)
    if plane is None:
        cli.warn("diagnose", "no plane: the embeddings are all the same, or too few")
    split = frame["split"].to_numpy()[rows]
    wrong = {name: mistaken[rows] & (split == name) for name in PREDICTED_SPLITS}
    drawn = int(mistaken[rows].sum())
    title = f"What the backbone sees: {len(rows):,} of {len(frame):,} pictures"
    title += f", with {drawn:,} of {int(mistaken.sum()):,} mistakes"
    return Sample(plane, frame["label"].to_numpy()[rows], wrong, title)


def choose(mistaken: np.ndarray, confidence: np.ndarray, limit: int, seed: int) -> np.ndarray:
    """Rows to draw, rising: at most a third of them mistakes, surest first, the others at random.

    Args:
        mistaken: bool (n,).
        confidence: float (n,), of the prediction; read where mistaken.
        limit: of rows.
        seed: of the draw.
    """
    rows = np.arange(len(mistaken))
    if len(rows) <= limit:
        return rows
    wrong = rows[mistaken]
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")][: limit // 3]
    rest = np.setdiff1d(rows, wrong)
    drawn = np.random.default_rng(seed).choice(rest, limit - len(wrong), replace=False)
    return np.sort(np.concatenate([wrong, drawn]))


def project(vectors: np.ndarray, seed: int) -> Plane | None:
    """PCA, then t-SNE (van der Maaten & Hinton 2008; Barnes-Hut, 2014), always the same.

    Args:
        vectors: float (n, channels).
        seed: of PCA's and t-SNE's random choices.

    Returns:
        None where there is nothing to see: fewer than four images, or equal vectors.
    """
    n = len(vectors)
    if n < 4 or np.ptp(vectors, axis=0).max() == 0:
        return None
    with threadpool_limits(1):  # t-SNE adds up in the order in which threads finish
        size = min(COMPONENTS, n - 1, vectors.shape[1])
        solver = "randomized" if size < min(vectors.shape) // 2 else "full"
        reduced = PCA(size, svd_solver=solver, random_state=seed).fit_transform(vectors)
        if size == 1:  # of a single channel: t-SNE starts from two
            reduced = np.hstack([reduced, np.zeros_like(reduced)])
        perplexity = min(PERPLEXITY, (n - 1) / 3)
        tsne = TSNE(init="pca", perplexity=perplexity, random_state=seed, n_jobs=1)
        points = tsne.fit_transform(reduced).astype(float)
        near = min(NEIGHBOURS, (n - 1) // 2)
        score = trustworthiness(vectors, points, n_neighbors=near) if near < n / 2 else None
    return Plane(points, None if score is None else float(score))


def draw(path: Path, sample: Sample, class_names: Sequence[str]) -> None:
    """Draws points coloured by label, class names in their midst, mistakes ringed.

    Args:
        path: the PNG.
        sample: where there is no plane, a note is drawn instead.
        class_names: in label order.
    """
    label = sample.label
    present = [index for index in range(len(class_names)) if (label == index).any()]
    columns = 1 if len(present) <= 16 else 2
    with drawing(path, 8.2 + 1.4 * columns, 6.4) as (figure, ax):
        ax.set(title=sample.title, xticks=[], yticks=[], xlabel="t-SNE 1", ylabel="t-SNE 2")
        if sample.plane is None:
            ax.text(0.5, 0.5, "nothing to see: equal vectors, or too few", ha="center")
            return
        points = sample.plane.points
        for index in present:
            ax.scatter(
                *points[label == index].T,
                s=14,
                alpha=0.6,
                color=colour_of(index),
                label=shorten(class_names[index], 22),
                marker=MARKERS[(index // len(COLOURS)) % len(MARKERS)],
                linewidths=0,
            )
        for split, (colour, name) in SPLIT_MARKS.items():
            ax.scatter(
                *points[sample.wrong[split]].T,
                s=70,
                facecolors="none",
                edgecolors=colour,
                linewidths=1.3,
                label=f"mistake of {name}: {int(sample.wrong[split].sum()):,}",
            )
        for index, place in _name_places(points, label, present).items():
            ax.text(
                *place,
                shorten(class_names[index], 16),
                ha="center",
                va="center",
                fontsize=11 if len(present) <= 12 else 9,
                weight="bold",
                path_effects=[withStroke(linewidth=3, foreground="white")],
            )
        handles, names = ax.get_legend_handles_labels()
        listed = [*range(min(len(present), LISTED)), *range(len(present), len(names))]
        figure.legend(
            [handles[i] for i in listed],
            [names[i] for i in listed],
            loc="outside right upper",
            ncols=columns,
            fontsize=10 if len(present) <= 16 else 8,
            markerscale=1.2,
        )


def _name_places(points: np.ndarray, label: np.ndarray, present: Sequence[int]) -> dict:
    """For each class the one of its points that has most of its own kind around it."""
    if len(present) not in NAMED:
        return {}
    near = cKDTree(points).query(points, min(PERPLEXITY, len(points)))[1]
    same = (label[near] == label[:, None]).sum(axis=1)
    rows_of = {index: np.flatnonzero(label == index) for index in present}
    return {index: points[rows[same[rows].argmax()]] for index, rows in rows_of.items()}
