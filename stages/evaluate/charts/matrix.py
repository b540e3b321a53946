"""The chart of a confusion matrix."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from common.plots.style import drawing, shorten

BOTH_PANELS = 12  # classes up to which the confusion matrix is drawn twice


def draw_confusion(path: Path, title: str, matrix: np.ndarray, class_names: Sequence[str]) -> None:
    """Confusion matrix: counts, and for few classes beside it the fractions of each true label.

    Args:
        path: the PNG.
        title: above it.
        matrix: int (n_classes, n_classes), true by predicted.
        class_names: in the order of the matrix.
    """
    n = len(class_names)
    side = min(18.0, max(3.4, 0.5 * n))
    panels = 2 if n <= BOTH_PANELS else 1
    fractions = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    with drawing(path, panels * side + 2.6, side + 1.4, 1, panels, squeeze=False) as (figure, axes):
        names = [shorten(name, 18) for name in class_names]
        for panel, ax in enumerate(axes[0]):
            image = ax.imshow(fractions, cmap="Blues", vmin=0, vmax=1)
            for row, column in np.ndindex(matrix.shape):
                if panel:
                    empty = not matrix[row].any()
                    text = "–" if empty else f"{fractions[row, column]:.0%}"
                    text = f"{fractions[row, column]:.1%}" if n <= 5 and not empty else text
                else:
                    text = f"{matrix[row, column]}"
                if matrix[row, column] or n <= 5:
                    ax.text(
                        column,
                        row,
                        text,
                        ha="center",
                        va="center",
                        color="white" if fractions[row, column] > 0.5 else "black",
                        fontsize=11 if n <= 5 else 8,
                    )
            turned = n > 3
            ax.set_xticks(range(n), names, rotation=45 * turned, ha="right" if turned else "center")
            ax.set_yticks(range(n), names if panel == 0 else [""] * n)
            ax.grid(visible=False)
            ax.set(
                title="of each true label" if panel else "pictures",
                xlabel="predicted",
                ylabel="" if panel else "true label",
            )
        figure.colorbar(image, ax=axes[0].tolist(), label="fraction of the true label", shrink=0.8)
        figure.suptitle(title, fontsize=12)
