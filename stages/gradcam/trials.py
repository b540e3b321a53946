"""Both tests of heat maps, faithfulness and randomisation: run, and drawn."""

from pathlib import Path

import numpy as np

from networks.classifier import Classifier
from networks.engine import Engine, frozen_classifier
from stages.gradcam import faithfulness, plots, randomisation
from stages.gradcam.explainer import Explainer
from stages.gradcam.verdicts import verdicts_of


def examine(
    folder: Path,
    classifier: Classifier,
    explainer: Explainer,
    predicted: np.ndarray,
    rows: list[int],
    engine: Engine,
    seed: int,
) -> dict[str, dict]:
    """Tests the heat maps of some images, and draws the results.

    Args:
        folder: of faithfulness.png and randomisation.png.
        classifier: its weights are shuffled meanwhile, and as before in the end.
        explainer: of the test split.
        predicted: int (n,), the class that the model predicts for each image of the split.
        rows: of the images; where there are none, nothing is tested or drawn.
        engine: computes the images of the test of faithfulness.
        seed: of random maps and shuffles.

    Returns:
        Map to its verdict (`verdicts.verdicts_of`); and of each method of the explainer
        `randomised`: state (`randomisation.cascade`) to mean rank correlation, None where it is
        undefined. Empty without rows.
    """
    if not rows:
        return {}
    network = frozen_classifier(classifier.backbone, classifier.head, engine)
    network.compare(next(explainer.batches(rows))[1])
    curves = faithfulness.measure(network, explainer, rows, predicted[rows], seed)
    verdicts = verdicts_of(curves, seed)
    means = {name: pair.mean(axis=1) for name, pair in curves.items()}
    plots.faithfulness(folder / "faithfulness.png", means, verdicts, len(rows))

    def heats() -> dict[str, np.ndarray]:
        batches = [
            explainer.heats(pixels, predicted[batch]) for batch, pixels in explainer.batches(rows)
        ]
        return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}

    correlations = randomisation.correlations(classifier.backbone, classifier.head, heats, seed)
    likeness = {
        name: {state: randomisation.mean(values) for state, values in states.items()}
        for name, states in correlations.items()
    }
    plots.randomisation(folder / "randomisation.png", likeness, len(rows))
    for name, states in likeness.items():
        verdicts[name]["randomised"] = states
    return verdicts
