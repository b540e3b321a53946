from collections import Counter

from stages.download.inventory import (
    LARGEST_FOLDERS,
    Inventory,
    largest_folders,
    take_inventory,
)


def test_an_inventory_by_hand(tmp_path):
    (tmp_path / "cat/small").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    for name, content in {
        "a.txt": b"123",
        "cat/1": b"12",
        "cat/2": b"",
        "cat/small/3": b"1",
    }.items():
        (tmp_path / name).write_bytes(content)
    assert take_inventory(tmp_path) == Inventory(4, 6, {".": 1, "cat": 2, "cat/small": 1})


def test_the_largest_folders_come_by_name():
    inventory = Inventory(0, 0, Counter({"b": 2, "a": 1, "c": 9}))
    assert largest_folders(inventory) == [("a", 1), ("b", 2), ("c", 9)]
    many = Inventory(0, 0, Counter({f"{i:03d}": i for i in range(LARGEST_FOLDERS + 5)}))
    assert [count for _, count in largest_folders(many)] == list(range(5, LARGEST_FOLDERS + 5))
