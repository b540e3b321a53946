"""Summary of the stage: the numbers of its metrics file, its warnings and its closing line."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from networks.cam import METHODS
from stages.gradcam.names import CENTRE, WORDS
from stages.gradcam.randomisation import ALIKE, HEAD


def metrics_of(
    heats: Sequence[np.ndarray],
    chosen: dict[str, dict[str, list[int]]],
    n_tested: int,
    verdicts: dict[str, dict],
) -> dict:
    """The content of the stage's metrics file.

    Args:
        heats: float (h, w) in [0, 1] each, those of the galleries.
        chosen: class to {"right": rows, "wrong": rows}.
        n_tested: images.
        verdicts: from `trials.examine`.
    """
    return {
        "explained": len(heats),
        "per_class": {
            label: {kind: len(rows) for kind, rows in kinds.items()}
            for label, kinds in chosen.items()
        },
        # Fraction of positions at half the largest heat or more: small means a narrow focus.
        "mean_focus_area": float(np.mean([(heat >= 0.5).mean() for heat in heats])),
        "tested": n_tested,
        "methods": verdicts,
    }


def warnings_of(verdicts: dict[str, dict], n_tested: int) -> Iterator[str]:
    """Yields which heat maps are not to be relied on, and why.

    Args:
        verdicts: from `trials.examine`.
        n_tested: images.
    """
    for name, verdict in verdicts.items():
        title = WORDS[name]
        if verdict.get("beats_random") is False and name != CENTRE:
            yield (
                f"{title} does no better than a random map: gain {verdict['gain']:+.3f} in area, "
                f"p = {verdict['p_value']:.2g} on {n_tested} test images; do not take it as a "
                "reason"
            )
        elif not verdict.get("beats_centre", True) and verdicts[CENTRE]["beats_random"]:
            yield (
                f"{title} does no better than a blob in the middle of the image, which beats the "
                "random map, too: what these images show is in their middle"
            )
        yield from _warnings_of_randomisation(name, verdict.get("randomised", {}))


def _warnings_of_randomisation(name: str, likeness: dict[str, float | None]) -> Iterator[str]:
    title = WORDS[name]
    for state, value in likeness.items():
        if value is None:
            yield (
                f"{title}: rank correlation undefined in the state {state}, since heat is the same "
                "everywhere in each map"
            )
    # A method that takes no account of the head cannot change with it.
    headless = name in METHODS and not METHODS[name].uses_head
    telling = [state for state in likeness if not (headless and state == HEAD)]
    alike = [state for state in telling if (likeness[state] or 0) > ALIKE]
    if alike:
        yield (
            f"{title} hardly changes when the model loses its weights (state {alike[-1]}: rank "
            f"correlation {likeness[alike[-1]]:.2f}); it shows the image more than the model"
        )


def summary_of(
    n_explained: int,
    n_tested: int,
    methods: Sequence[str],
    verdicts: dict[str, dict],
    folder: Path,
) -> str:
    """The stage's closing line.

    Args:
        n_explained: images in the galleries.
        n_tested: images in the tests.
        methods: of the explainer.
        verdicts: from `trials.examine`.
        folder: of the plots.
    """
    better = [WORDS[name] for name in methods if verdicts.get(name, {}).get("beats_random")]
    return (
        f"{n_explained} test images explained in {folder}; better than a random map on "
        f"{n_tested}: {', '.join(better) or 'none'}"
    )
