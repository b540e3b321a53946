"""The reliability diagram: accuracy by confidence, with the number of images in each bin."""

from pathlib import Path

import numpy as np

from common.plots.style import colour_of, drawing


def draw_reliability(path: Path, title: str, panels: dict[str, dict[str, np.ndarray]]) -> None:
    """Accuracy by confidence, and how many images each bin has, one column per panel.

    Args:
        path: the PNG.
        title: above it.
        panels: heading to the bins of `calibration.reliability`.
    """
    with drawing(
        path,
        5.0 * len(panels),
        5.6,
        2,
        len(panels),
        squeeze=False,
        sharex=True,
        gridspec_kw={"height_ratios": [3, 1]},
    ) as (figure, axes):
        most = max(int(bins["count"].max()) for bins in panels.values())
        for (heading, bins), (upper, lower) in zip(panels.items(), axes.T, strict=True):
            middle = (bins["low"] + bins["high"]) / 2
            width = bins["high"][0] - bins["low"][0]
            full = bins["count"] > 0
            upper.bar(
                middle[full],
                bins["accuracy"][full],
                width * 0.92,
                color=colour_of(0),
                alpha=0.75,
                label="accuracy",
            )
            upper.plot(
                middle[full],
                bins["confidence"][full],
                "_",
                color=colour_of(5),
                markersize=15,
                markeredgewidth=2.5,
                label="mean confidence",
            )
            upper.plot([0, 1], [0, 1], ":", color="#777777", label="calibrated")
            upper.set(title=heading, ylabel="accuracy, fraction", xlim=(0, 1), ylim=(0, 1.04))
            lower.bar(middle, bins["count"], width * 0.92, color="#777777")
            for x, count in zip(middle[full], bins["count"][full], strict=True):
                lower.annotate(
                    f"{count:,}",
                    (x, count),
                    (0, 2),
                    textcoords="offset points",
                    ha="center",
                    fontsize=8,
                )
            lower.set(xlabel="confidence (probability of the top class)", ylabel="pictures")
            lower.set_ylim(0, most * 1.25)
        handles, names = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=3)
        figure.suptitle(title, fontsize=12)
