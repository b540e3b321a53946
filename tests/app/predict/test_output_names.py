"""Names of outputs: safe whatever the classes and images are called, no two alike."""

import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from app.predict.output_names import HEAT_SUFFIX, copy_names, folder_names, heat_name

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


@given(st.lists(TEXT | st.sampled_from(["unsure", "a", "A", "..", "a-2", "é", "e\u0301", "nul"])))
@example(["x" * 300, "x" * 301, "x" * 302])
@example(["ß", "ss", "SS", "ẞ"])
def test_folder_names_are_safe_and_no_two_are_one_folder(names):
    folders = folder_names(names)
    assert len(folders) == len(names)
    folded = {unicodedata.normalize("NFC", name.casefold()) for name in folders}
    assert len(folded) == len(names)
    for name in folders:
        assert name and name[0] not in ". " and name[-1] not in ". "
        assert not set(name) & set('/\\<>:"|?*\0\n') and len(name.encode()) <= 255


def test_folder_names_stay_as_they_are_where_they_can():
    names = ["cat", "Großer Hund", "犬", "a.b", "unsure", "cat/dog", "..", ".git", "NUL", "con.x"]
    assert folder_names(names) == [
        *("cat", "Großer Hund", "犬", "a.b", "unsure", "cat_dog", "_", "_git", "_NUL", "_con.x"),
    ]
    assert folder_names(["a/b", "a\\b", "A_B", "a_b-2"]) == ["a_b", "a_b-2", "A_B-3", "a_b-2-2"]


PART = st.text("ax.", min_size=1, max_size=4) | st.sampled_from(
    ["x.jpg", "x.png", f"x{HEAT_SUFFIX}", f"x{HEAT_SUFFIX}_", "y" * 250, "y" * 251, HEAT_SUFFIX]
)
PATH = st.lists(PART.filter(lambda part: part not in (".", "..")), min_size=1, max_size=3)


@given(st.sets(PATH.map(tuple), max_size=8))
@example({("x.heat.jpg", "a"), ("x",), ("x.heat.jpg_", "a"), ("x.jpg",), ("x.png",)})
def test_heat_maps_never_stand_in_each_others_way(paths):
    """Neither two files of one name, nor a file where a folder has to be, for any real tree."""
    tree = {path for path in paths if not any(path[:n] in paths for n in range(1, len(path)))}
    heat_paths = [tuple(heat_name("/".join(path)).split("/")) for path in sorted(tree)]
    assert len(set(heat_paths)) == len(tree)
    folders = {path[:length] for path in heat_paths for length in range(1, len(path))}
    assert not folders & set(heat_paths)
    for path, name in zip(sorted(tree), heat_paths, strict=True):
        assert len(name) == len(path) and not {"", ".", ".."} & set(name)
        assert name[-1].endswith(HEAT_SUFFIX) and len(name[-1].encode()) <= 255


def test_heat_maps_mirror_the_tree():
    assert heat_name("a/x.jpg") == "a/x.jpg.heat.jpg"
    assert heat_name("x.png") == "x.png.heat.jpg"
    assert heat_name("x.heat.jpg/y") == "x.heat.jpg_/y.heat.jpg"


@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1))
def test_copies_are_called_like_their_images_first(name):
    if name in (".", "..") or len(name.encode()) > 255:
        return
    first, second, third = copy_names(name, "0123456789abcdef" * 4)
    assert first == name and len({first, second, third}) == 3
    assert all(len(copy.encode()) <= 255 for copy in (second, third))


def test_a_copy_whose_name_is_taken_has_its_checksum_before_the_suffix():
    checksum = "0123456789abcdef" * 4
    assert copy_names("x.tar.jpg", checksum) == [
        *("x.tar.jpg", "x.tar-0123456789abcdef.jpg", f"x.tar-{checksum}.jpg"),
    ]
    long = copy_names("é" * 125 + ".jpeg", checksum)
    assert long[1] == "é" * 116 + "-0123456789abcdef.jpeg"
