from stages.predict.summary import metrics_of, summary_of

SIZES = {"train": 5000, "val": 300, "test": 1200}


def test_the_metrics_count_what_was_predicted():
    assert metrics_of(SIZES, 1280) == {
        "pictures": {"val": 300, "test": 1200},
        "embedding_size": 1280,
    }


def test_the_summary():
    assert summary_of(SIZES) == (
        "300 of val and 1,200 of test predicted; 5,000 of train embedded, too"
    )
