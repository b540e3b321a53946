import numpy as np
import pytest

from stages.diagnose import label_errors

CLASSES = 4


def clusters(n=400, distance=3.0, seed=0):
    """Vectors around one centre for each class, and their true labels."""
    rng = np.random.default_rng(seed)
    label = np.arange(n) % CLASSES
    centres = distance * np.eye(CLASSES, 20)
    return (centres[label] + rng.normal(size=(n, 20))).astype(np.float32), label


def review(vectors, label, group=None, folds=5, n_classes=CLASSES):
    group = np.arange(len(label)) if group is None else group
    p = label_errors.out_of_sample(vectors, label, group, n_classes, folds, 1)
    large = label_errors.large_enough(label, group, folds, n_classes)
    return p, label_errors.find_label_issues(label, p, large)


def test_turned_labels_are_found_and_their_true_class_suggested():
    vectors, truth = clusters(distance=4.0)
    turned = np.zeros(len(truth), bool)
    turned[np.random.default_rng(1).choice(len(truth), 20, replace=False)] = True
    given = np.where(turned, (truth + 1) % CLASSES, truth)
    p, issues = review(vectors, given)
    assert p.sum(axis=1) == pytest.approx(1)
    hits = issues.flagged & turned
    assert hits.sum() >= 0.85 * turned.sum()
    assert hits.sum() >= 0.85 * issues.flagged.sum()
    assert (issues.suggested[hits] == truth[hits]).mean() >= 0.9
    assert turned[np.argsort(issues.quality)[:10]].all()
    assert issues.quality[turned].max() < np.median(issues.quality)


def test_clean_labels_are_left_alone():
    vectors, label = clusters(distance=12.0)
    _, issues = review(vectors, label)
    assert not issues.flagged.any()
    assert issues.assessed.all()


def test_quality_and_suggestion_by_hand():
    label = np.array([0, 0, 1, 1])
    p = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.0, 1.0, 0.0], [0.5, 0.2, 0.3]])
    issues = label_errors.find_label_issues(label, p, np.array([True, True, False]))
    # Nobody is of class 2: its column goes, and what is left adds up to 1 again.
    rows = np.array([[7 / 9, 2 / 9], [1 / 7, 6 / 7], [0, 1], [5 / 7, 2 / 7]])
    margin = rows[np.arange(4), label] - rows[np.arange(4), 1 - label]
    assert issues.quality == pytest.approx((1 + margin) / 2)
    assert issues.suggested.tolist() == [1, 1, 0, 0]


def test_near_copies_do_not_vouch_for_each_other():
    """Pairs of equal vectors with a random label: apart, one would give the other's away."""
    rng = np.random.default_rng(0)
    vectors = np.repeat(rng.normal(size=(60, 200)), 2, axis=0).astype(np.float32)
    label = np.repeat(rng.integers(0, 2, 60), 2)
    apart, _ = review(vectors, label, n_classes=2)
    together, _ = review(vectors, label, group=np.repeat(np.arange(60), 2), n_classes=2)
    assert (apart.argmax(axis=1) == label).mean() > 0.75
    assert (together.argmax(axis=1) == label).mean() < 0.65


def test_classes_smaller_than_the_folds_are_not_assessed():
    vectors, label = clusters(80)
    few = np.concatenate([label, [4, 5, 5, 5, 5, 5]])
    extra = np.zeros((6, 20), np.float32)
    extra[:, 10] = 9
    _, issues = review(np.concatenate([vectors, extra]), few, n_classes=6)
    assert not issues.assessed[80]
    assert np.isnan(issues.quality[80])
    assert issues.suggested[80] == -1
    assert issues.assessed[:80].all()
    assert issues.assessed[81:].all()
    assert 4 not in issues.suggested


def test_one_class_alone_is_not_assessed():
    issues = label_errors.find_label_issues(np.zeros(5, int), np.ones((5, 1)), np.array([True]))
    assert not issues.assessed.any()
    assert not issues.flagged.any()


def test_near_copies_do_not_make_a_class_large_enough():
    label = np.array([0, 0, 0, 0, 1, 1])
    group = np.array([7, 7, 8, 9, 1, 2])
    assert label_errors.large_enough(label, group, 3, 3).tolist() == [True, False, False]
    assert label_errors.large_enough(label, group, 2, 3).tolist() == [True, True, False]
