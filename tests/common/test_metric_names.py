from common.metric_names import HEADLINE, METRICS, PER_CLASS, metric_of, top_k_name


def test_headline_and_class_metrics_are_those_with_intervals():
    with_interval = {name for name, metric in METRICS.items() if metric.interval}
    assert set(HEADLINE) | set(PER_CLASS) == with_interval
    assert not set(HEADLINE) & set(PER_CLASS)


def test_the_family_of_top_k_accuracies_is_known_by_name():
    assert metric_of("accuracy") is METRICS["accuracy"]
    assert top_k_name(5) == "top_5_accuracy"
    top_5 = metric_of(top_k_name(5))
    assert (top_5.words, top_5.interval, top_5.headline) == ("top 5 accuracy", "share", True)
    for name in ("top_0_accuracy", "top_x_accuracy", "top_5_accuracy_low", "kappa"):
        assert metric_of(name) is None
