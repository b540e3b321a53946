"""Heat maps put to the test: both trials run, drawn, and put into words."""

from pathlib import Path

import numpy as np

from common import cli
from networks.classifier import Classifier
from stages.gradcam import faithfulness, plots, randomisation
from stages.gradcam.explainer import Explainer


def examine(
    folder: Path,
    classifier: Classifier,
    explainer: Explainer,
    answers: np.ndarray,
    rows: list[int],
    batch_size: int,
    seed: int,
) -> dict[str, dict]:
    """Puts the heat maps of some images to the test, and draws how they did.

    Args:
        folder: of faithfulness.png and randomisation.png.
        classifier: its weights are shuffled meanwhile, and as before in the end.
        explainer: of the test split.
        answers: int (n,), the class that the model gives to each image of the split.
        rows: of the images, at least one.
        batch_size: images per step.
        seed: of random maps and shuffles.

    Returns:
        What `faithfulness.judge` says; and of each method of the explainer `randomised`: state
        (`randomisation.cascade`) to mean rank correlation, None where it is undefined.
    """
    curves = faithfulness.measure(
        classifier.model, explainer, rows, answers[rows], batch_size, seed
    )
    found = faithfulness.judge(curves, seed)
    means = {name: pair.mean(axis=1) for name, pair in curves.items()}
    plots.faithfulness(folder / "faithfulness.png", means, found, len(rows))

    def heats() -> dict[str, np.ndarray]:
        parts = [explainer.heats(pixels, answers[some]) for some, pixels in explainer.images(rows)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    alike = randomisation.check(classifier.backbone, classifier.head, heats, seed)
    likeness = {
        name: {state: randomisation.mean(values) for state, values in states.items()}
        for name, states in alike.items()
    }
    plots.randomisation(folder / "randomisation.png", likeness, len(rows))
    for name, states in likeness.items():
        found[name]["randomised"] = states
    return found


def report(found: dict[str, dict], n: int) -> None:
    """Says which heat maps are not to be relied on."""
    for name, row in found.items():
        title = plots.NAMES[name]
        if row.get("beats_random") is False and name != faithfulness.CENTRE:
            cli.warn(
                "gradcam",
                f"{title} does no better than a random map: gain {row['gain']:+.3f} in area, "
                f"p = {row['p_value']:.2g} on {n} test pictures; do not take it as a reason",
            )
        elif not row.get("beats_centre", True) and found[faithfulness.CENTRE]["beats_random"]:
            cli.warn(
                "gradcam",
                f"{title} does no better than a blob in the middle of the picture, which beats "
                "the random map, too: what these pictures show is in their middle",
            )
        states = row.get("randomised", {})
        for state, value in states.items():
            if value is None:
                cli.warn(
                    "gradcam",
                    f"{title}: rank correlation undefined in the state {state}, since heat is "
                    "the same everywhere in each map",
                )
        # Eigen-CAM takes no account of the head: that is no finding.
        telling = [state for state in states if (name, state) != ("eigencam", randomisation.HEAD)]
        alike = [state for state in telling if (states[state] or 0) > randomisation.ALIKE]
        if alike:
            cli.warn(
                "gradcam",
                f"{title} hardly changes when the model forgets (weights of {alike[-1]}: rank "
                f"correlation {states[alike[-1]]:.2f}); it shows the picture more than the model",
            )
