"""Calibration error, Brier score and softened probabilities, by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.metrics import brier_score_loss

from stages.evaluate import calibration


def test_the_calibration_error_of_a_case_worked_out_by_hand():
    # Bins of 1/15: .6 is the upper end of the ninth, and .95 lies in the last, (14/15, 1].
    confidence = np.array([0.6, 0.6, 0.95, 0.95])
    p = np.c_[confidence, 1 - confidence]
    label = np.array([0, 1, 0, 0])
    bins = calibration.reliability(label, p)
    assert bins["count"].tolist() == [0] * 8 + [2] + [0] * 5 + [2]
    assert bins["accuracy"][8] == 0.5
    assert bins["confidence"][14] == pytest.approx(0.95)
    assert np.isnan(bins["accuracy"][0])
    expected = 0.5 * abs(0.5 - 0.6) + 0.5 * abs(1 - 0.95)
    assert calibration.calibration_error(label, p) == pytest.approx(expected)


def test_the_brier_score_counts_all_classes():
    p = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]])
    expected = ((0.3**2 + 0.2**2 + 0.1**2) + (0.1**2 + 0.8**2 + 0.9**2)) / 2
    assert calibration.brier_score(np.array([0, 2]), p) == pytest.approx(expected)
    binary = np.array([0.2, 0.9, 0.4])
    score = calibration.brier_score(np.array([0, 1, 1]), np.c_[1 - binary, binary])
    assert score == pytest.approx(2 * brier_score_loss([0, 1, 1], binary))


@given(st.integers(0, 10**6), st.floats(1.0, 5.0))
def test_the_temperature_can_be_undone_and_changes_no_answer(seed, temperature):
    p = softmax(np.random.default_rng(seed).normal(scale=1.5, size=(20, 4)), axis=1)
    warm = calibration.soften(p, temperature)
    np.testing.assert_array_equal(warm.argmax(axis=1), p.argmax(axis=1))
    assert warm.max() <= p.max() + 1e-12
    np.testing.assert_allclose(calibration.soften(warm, 1 / temperature), p, atol=1e-4)
    written = np.round(warm, 6)
    np.testing.assert_allclose(calibration.soften(written, 1 / temperature), p, atol=1e-3)
