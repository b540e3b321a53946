from collections import Counter

from stages.download.inventory import Inventory
from stages.download.summary import metrics_of, summary_of


def test_metrics_and_summary():
    inventory = Inventory(1234, 5_670_000, Counter({"a": 1000, "b": 234}))
    metrics = metrics_of("path", inventory, {"junk": 2, "sha256": "00ff"})
    assert metrics == {
        "source": "path",
        "files": 1234,
        "bytes": 5_670_000,
        "folders": 2,
        "junk": 2,
        "sha256": "00ff",
    }
    assert summary_of(metrics) == "1,234 files, 5.7 MB, from path; 2 junk files left out"
