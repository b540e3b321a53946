import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from common.metrics import cross_entropy
from stages.ensemble.selection import blend, distinct, select, weights_of


def of_truth(*chosen):
    """Probabilities of two classes, by what the true class, 0, is given."""
    return np.array([[p, 1 - p] for p in chosen])


TRUTH = np.zeros(2, int)


def test_the_selection_follows_the_worked_example():
    """The mean of -ln, by hand, of the averages that can be reached from each step's best.

    A .857, B .916, C .693: C. Then CA (.7, .35) .703, CB .740, CC .693: C again, which gains
    nothing, but lets a share of a third follow: CCA (.633, .4) .687, CCB .714: A. Then
    CCAA .703, CCAB (.525, .5) .669, CCAC .683: B.
    """
    models = [of_truth(0.9, 0.2), of_truth(0.2, 0.8), of_truth(0.5, 0.5)]
    a, b, c = range(3)
    assert select(TRUTH, models, 1) == [c]
    assert select(TRUTH, models, 2) == [c]
    assert select(TRUTH, models, 3) == [c, c, a]
    assert select(TRUTH, models, 4) == [c, c, a, b]
    weights = weights_of([c, c, a, b], 4)
    assert weights.tolist() == [0.25, 0.25, 0.5, 0]
    mixed = blend(models, weights[:3])
    assert mixed == pytest.approx(of_truth(0.525, 0.5))
    assert cross_entropy(TRUTH, mixed) == pytest.approx(0.66875, abs=1e-5)


def test_a_small_share_is_found_where_an_equal_share_does_harm():
    """With share w of B: -(ln(.99 - .97 w) + ln(.3 + .69 w))/2, lowest at w = .29 or so."""
    a, b = of_truth(0.99, 0.3), of_truth(0.02, 0.99)
    shares = np.linspace(0, 1, 10001)
    losses = [cross_entropy(TRUTH, (1 - w) * a + w * b) for w in shares]
    lowest = shares[np.argmin(losses)]
    picks = select(TRUTH, [a, b], 40)
    assert weights_of(picks, 2)[1] == pytest.approx(lowest, abs=0.02)
    assert 0.1 < lowest < 0.45


def test_of_equals_the_first_is_taken_and_repeats_of_one_model_are_not_kept():
    a, b = of_truth(0.9, 0.6), of_truth(0.7, 0.4)
    assert select(TRUTH, [b, a, a], 10) == [1]


@st.composite
def problems(draw):
    n, classes, models = draw(st.tuples(*(st.integers(*r) for r in ((1, 12), (2, 4), (1, 5)))))
    shape = (models, n, classes)
    raw = draw(arrays(float, shape, elements=st.floats(0.001, 1)))
    truth = draw(arrays(int, n, elements=st.integers(0, classes - 1)))
    return truth, list(raw / raw.sum(axis=2, keepdims=True)), draw(st.integers(1, 12))


@settings(deadline=None)
@given(problems())
def test_never_worse_than_the_best_member_and_weights_are_shares(problem):
    truth, probabilities, size = problem
    picks = select(truth, probabilities, size)
    assert 1 <= len(picks) <= size
    weights = weights_of(picks, len(probabilities))
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1)
    alone = [cross_entropy(truth, p) for p in probabilities]
    assert cross_entropy(truth, blend(probabilities, weights)) <= min(alone) + 1e-8
    assert alone[picks[0]] == pytest.approx(min(alone), abs=1e-8)


@settings(deadline=None)
@given(problems(), st.randoms(use_true_random=False))
def test_the_order_of_the_members_decides_nothing_but_ties(problem, random):
    truth, probabilities, size = problem
    order = list(range(len(probabilities)))
    random.shuffle(order)
    losses = []
    for models in (probabilities, [probabilities[i] for i in order]):
        first = select(truth, models, size)[0]
        losses.append(cross_entropy(truth, models[first]))
    assert losses[0] == pytest.approx(losses[1], abs=1e-8)


def test_the_order_of_the_members_changes_no_weight():
    random = np.random.default_rng(5)
    truth = random.integers(0, 3, 60)
    models = [random.dirichlet(0.5 + 1.5 * np.eye(3)[k], 1) for k in truth for _ in range(5)]
    models = list(np.concatenate(models).reshape(60, 5, 3).swapaxes(0, 1))
    expected = weights_of(select(truth, models, 15), 5)
    assert np.count_nonzero(expected) >= 3
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(5)
        weights = weights_of(select(truth, [models[i] for i in order], 15), 5)
        assert weights.tolist() == expected[order].tolist()


def test_twins_are_those_that_agree_in_every_split():
    a, b = of_truth(0.9), of_truth(0.8)
    models = [{"val": a, "test": a}, {"val": a, "test": b}, {"val": a, "test": a}]
    assert distinct(models) == [0, 1, 0]
