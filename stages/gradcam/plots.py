"""Plots of heat maps: galleries, methods side by side, and the results of both tests."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from PIL import Image

from common.heat import COLOUR_MAP
from common.plots.style import colour_of, drawing
from stages.gradcam.names import CENTRE, RANDOM, WORDS

SIDE = 160  # px of a tile's longer side
SEAM = 4  # px between tiles
STYLES = {RANDOM: ("#555555", ":"), CENTRE: ("#999999", "-.")}


@dataclass(frozen=True)
class Row:
    """One image of a gallery.

    Attributes:
        tiles: uint8 (height, width, 3), all of one size: the image, then its heat maps.
        caption: above them.
    """

    tiles: Sequence[np.ndarray]
    caption: str


def gallery(
    path: Path, title: str, headings: Sequence[str], rows: Sequence[Row], columns: int = 2
) -> None:
    """Draws images beside their heat maps, with the colours' scale.

    Args:
        path: the PNG.
        title: above all.
        headings: one for each tile of a row, above the first of each column.
        rows: at least one, each with as many tiles.
        columns: rows side by side; twice as many where there are more than 20.
    """
    columns = min(columns if len(rows) <= 20 else 2 * columns, len(rows))
    strips = [_strip(row.tiles) for row in rows]
    height, width = (max(strip.shape[axis] for strip in strips) / 100 for axis in (0, 1))
    lines = max(row.caption.count("\n") + 1 for row in rows)
    n_rows = -(-len(rows) // columns)
    heading_lines = max(text.count("\n") + 1 for text in headings)
    with drawing(
        path,
        columns * (width + 0.15) + 1.1,
        0.85 + 0.17 * heading_lines + n_rows * (height + 0.17 * lines + 0.1),
        n_rows,
        columns,
        squeeze=False,
    ) as (figure, axes):
        for ax in axes.flat:
            ax.set_axis_off()
        for index, (ax, row, strip) in enumerate(zip(axes.flat, rows, strips, strict=False)):
            ax.imshow(strip)
            caption = row.caption
            if index < columns:
                caption += "\n" * heading_lines
                span = strip.shape[1] / len(row.tiles)
                for position, text in enumerate(headings):
                    at = ((position + 0.5) * span, -5)
                    ax.text(*at, text, ha="center", va="bottom", fontsize=8.5, color="#555555")
            ax.set_title(caption, fontsize=9.5, pad=4, loc="left")
        figure.suptitle(title, fontsize=12)
        _colour_bar(figure, axes)


def methods(
    path: Path, names: Sequence[str], verdicts: dict[str, dict], rows: Sequence[Row]
) -> None:
    """Draws the same images by several methods, with the result of the test of each.

    Args:
        path: the PNG.
        names: of the methods.
        verdicts: as from `verdicts.verdicts_of`; empty where nothing was tested.
        rows: the image, then one tile for each method.
    """
    headings = ["picture"]
    for name in names:
        text = ""
        if name in verdicts:
            better = verdicts[name]["beats_random"]
            text = "better than random" if better else "NOT better than random"
        headings.append(f"{WORDS[name]}\n{text}")
    title = "What spoke for the predicted class, by several methods"
    gallery(path, title, headings, rows, columns=1)


def faithfulness(
    path: Path, curves: dict[str, np.ndarray], verdicts: dict[str, dict], n: int
) -> None:
    """Draws curves of deletion and insertion, their areas, and the gains over the random map.

    Args:
        path: the PNG.
        curves: map to float (2, steps + 1), deletion and insertion, means over images.
        verdicts: as from `verdicts.verdicts_of`.
        n: images.
    """
    with drawing(path, 13.5, 4.9, 1, 3) as (figure, axes):
        for ax, kind, which in zip(axes, ("deletion", "insertion"), (0, 1), strict=False):
            for index, (name, pair) in enumerate(curves.items()):
                colour, dash = STYLES.get(name, (colour_of(index), "-"))
                area = verdicts[name][f"{kind}_auc"]
                x = np.linspace(0, 1, pair.shape[1])
                label = f"{WORDS[name]} {area:.3f}"
                ax.plot(x, pair[which], dash, color=colour, label=label, linewidth=1.8)
            better = "covered with its mean colour" if which == 0 else "brought back from the blur"
            ax.set(
                title=f"{kind.capitalize()}: {'lower' if which == 0 else 'higher'} is better",
                xlabel=f"share of the picture, hottest first,\n{better}",
                ylabel="probability of the explained class" if which == 0 else "",
                ylim=(-0.02, 1.02),
            )
            ax.xaxis.set_major_formatter(PercentFormatter(1))
            ax.legend(title="area", fontsize=9, title_fontsize=9)
        _gains(axes[2], verdicts)
        figure.suptitle(f"Are the heat maps faithful? {n} test pictures", fontsize=13)


def _gains(ax, verdicts: dict[str, dict]) -> None:
    compared = {name: row for name, row in verdicts.items() if "gain" in row}
    for index, (name, row) in enumerate(compared.items()):
        colour, _ = STYLES.get(name, (colour_of(index), "-"))
        if row["gain_low"] is not None:
            ax.plot([row["gain_low"], row["gain_high"]], [index, index], color=colour, linewidth=2)
        ax.plot(row["gain"], index, "o", color=colour)
        p_value = "" if row["p_value"] is None else f", p = {row['p_value']:.2g}"
        verdict = "better than random" if row["beats_random"] else "NOT better than random"
        at = (row["gain"], index)
        ax.annotate(
            verdict + p_value, at, (0, 8), textcoords="offset points", ha="center", fontsize=9
        )
    ax.axvline(0, color="#555555", linestyle=":")
    ax.set_yticks(range(len(compared)), [WORDS[name] for name in compared])
    ax.set_ylim(len(compared) - 0.5, -0.7)
    ax.grid(axis="y", visible=False)
    ax.margins(x=0.35)
    ax.set(
        title="Gain over the random map",
        xlabel="area, mean of deletion and insertion,\nwith 95 % interval over pictures",
    )


def randomisation(path: Path, likeness: dict[str, dict[str, float | None]], n: int) -> None:
    """Draws how similar heat maps stay while weights are shuffled, from the head backwards.

    Args:
        path: the PNG.
        likeness: method to state to mean rank correlation, None where there is none.
        n: images.
    """
    states = list(next(iter(likeness.values())))
    blocks = [f"head, {state.removeprefix('last_')}" for state in states[1:-1]]
    with drawing(path, 9, 4.6) as (figure, ax):
        for index, (method, row) in enumerate(likeness.items()):
            y = [1.0, *(np.nan if row[state] is None else row[state] for state in states)]
            ax.plot(range(len(y)), y, "o-", color=colour_of(index), label=WORDS[method])
        ax.axhline(0, color="#555555", linestyle=":", label="nothing in common")
        ax.set_xticks(range(len(states) + 1), ["nothing", "head", *blocks, "all"])
        ax.set(
            title="Do heat maps change when the model forgets?\n"
            f"{n} test pictures; lower is better",
            xlabel="weights dealt anew: of the head, and of how many blocks before it",
            ylabel="rank correlation with the\nheat map of the trained model",
            ylim=(-0.55, 1.05),
        )
        figure.legend(loc="outside right upper")


def _strip(tiles: Sequence[np.ndarray]) -> np.ndarray:
    """Tiles side by side, each with its longer side at SIDE."""
    height, width = tiles[0].shape[:2]
    factor = SIDE / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    seam = np.full((size[1], SEAM, 3), 255, np.uint8)
    parts = []
    for tile in tiles:
        small = Image.fromarray(tile).resize(size, Image.Resampling.LANCZOS)
        parts += [np.asarray(small), seam]
    return np.concatenate(parts[:-1], axis=1)


def _colour_bar(figure: Figure, axes: np.ndarray) -> None:
    scale = ScalarMappable(mpl.colors.Normalize(0, 1), mpl.colormaps[COLOUR_MAP])
    bar = figure.colorbar(scale, ax=axes, fraction=0.05, shrink=0.7, aspect=30, pad=0.01)
    bar.set_label("heat, as a share of the map's largest", fontsize=9)
    bar.ax.tick_params(labelsize=8)
