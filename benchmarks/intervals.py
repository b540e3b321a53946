"""Coverage of the 95 % intervals of the metrics, by simulation.

    python -m benchmarks.intervals [SETS]

Draws SETS (default 300) test sets of each kind, with scores whose distribution is known, and prints
for each metric the share of the sets whose interval holds the true value, and the interval's mean
width; beside it the same of the plain percentile bootstrap.
"""

import sys

import numpy as np
from scipy.special import softmax

from common.metric_names import HEADLINE
from stages.evaluate.classification_report import with_intervals
from stages.evaluate.resampling import Resamples
from stages.evaluate.scores import Scorer

# Images of each class, distance of the scores in standard deviations, near copies in a group.
KINDS = {
    "49 and 9 images": ([49, 9], 3.0, 1),
    "49 and 9, harder": ([49, 9], 2.0, 1),
    "49 and 9, all but perfect": ([49, 9], 5.0, 1),
    "2 classes of 100": ([100, 100], 4.0, 1),
    "10 classes of 30": ([30] * 10, 3.5, 1),
    "10 classes of 30 in groups of 5": ([30] * 10, 3.5, 5),
    "2 classes of 200 in groups of 4": ([200, 200], 2.0, 4),
    "30 classes of 6": ([6] * 30, 4.0, 1),
}
RESAMPLES = 400


def draw(counts, distance, seed, cluster=1, alike=0.9, scale=1.5):
    """Draws one test set.

    Scores are normal, higher by `distance` for the true class, and probabilities their softmax
    with six decimals.

    Args:
        counts: images of each class.
        distance: in standard deviations.
        seed: of the draw.
        cluster: near copies in a group.
        alike: correlation of the scores within a group.
        scale: on the scores before the softmax.

    Returns:
        (label, probabilities, group).
    """
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(len(counts)), counts)
    within = np.concatenate([np.arange(count) // cluster for count in counts])
    _, group = np.unique(label * 10**6 + within, return_inverse=True)
    scores = rng.normal(size=(len(label), len(counts)))
    if cluster > 1:
        shared = rng.normal(size=(group.max() + 1, len(counts)))[group]
        scores = np.sqrt(alike) * shared + np.sqrt(1 - alike) * scores
    scores[np.arange(len(label)), label] += distance
    return label, np.round(softmax(scale * scores, axis=1), 6), group


def truth_of(counts, distance, n=200_000):
    """Label and probabilities of a set so large that its metrics are the true ones."""
    label, p, _ = draw([count * max(1, n // sum(counts)) for count in counts], distance, 987)
    return label, p


def main(sets: int) -> None:
    """Prints a table for each kind of set."""
    for kind, (counts, distance, cluster) in KINDS.items():
        label, p = truth_of(counts, distance)
        truth = Scorer(label, p).scores(np.ones((len(label), 1)))
        ours = {name: [] for name in HEADLINE}
        plain = {name: [] for name in HEADLINE}
        for seed in range(sets):
            label, p, group = draw(counts, distance, seed, cluster)
            resamples = Resamples(label, group, RESAMPLES, seed)
            metrics, _ = with_intervals(label, p, resamples, 0.95)
            scorer = Scorer(label, p)
            blocks = [scorer.scores(weights) for weights in resamples]
            for name in HEADLINE:
                ours[name].append((metrics[f"{name}_low"], metrics[f"{name}_high"]))
                drawn = np.concatenate([block[name] for block in blocks])
                plain[name].append(np.quantile(drawn, [0.025, 0.975]))
        print(f"\n{kind}\n{'metric':20}{'true':>8}{'held':>8}{'width':>8}{'plain':>14}{'width':>8}")
        for name in HEADLINE:
            numbers = [float(truth[name][0])]
            for ends in (ours[name], plain[name]):
                low, high = np.transpose(ends)
                within = (low <= numbers[0]) & (numbers[0] <= high)
                numbers += [within.mean(), (high - low).mean()]
            print("{:20}{:8.4f}{:8.3f}{:8.4f}{:14.3f}{:8.4f}".format(name, *numbers), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
