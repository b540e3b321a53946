from stages.predict import outputs

SIZES = {"train": 5000, "val": 300, "test": 1200}


def test_the_metrics_count_what_was_predicted():
    assert outputs.predict_metrics(SIZES, 1280) == {
        "pictures": {"val": 300, "test": 1200},
        "embedding_size": 1280,
    }


def test_the_summary():
    assert outputs.summary_line(SIZES) == (
        "300 of val and 1,200 of test predicted; 5,000 of train embedded, too"
    )
