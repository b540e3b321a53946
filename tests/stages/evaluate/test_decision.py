"""The contents of the decision, by hand."""

from common.schema import Evaluate, Threshold
from stages.evaluate.decision import decision_of

RULES = Evaluate(
    confidence=0.95,
    resamples=100,
    top_k=[3],
    abstain=0.99,
    min_slice=5,
    threshold=Threshold(positive=None, rule="cost", cost_ratio=2.0, min_recall=0.9),
)


def test_the_decision_holds_what_was_chosen():
    content = decision_of(["cat", "dog"], 1, {"threshold": 0.3}, {"least_confidence": 0.7}, RULES)
    assert content == {
        "classes": ["cat", "dog"],
        "positive": "dog",
        "threshold": 0.3,
        "rule": "cost",
        "abstain_below": 0.7,
        "abstain_target": 0.99,
    }
    undecided = decision_of(["cat", "dog"], 1, None, {"least_confidence": None}, RULES)
    assert [undecided[key] for key in ("positive", "threshold", "rule")] == [None] * 3
    assert undecided["abstain_below"] is None
