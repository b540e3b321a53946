import pytest

from common.junk import is_junk, is_leftover


@pytest.mark.parametrize(
    "path",
    [
        ".git/lfs/objects/ab/cd/abcd",
        "cat/.ipynb_checkpoints/1-checkpoint.jpg",
        "cat/.DS_Store",
        "cat/._1.jpg",
        "cat/.trashed-1690000000-1.jpg",
        "__MACOSX/cat/1.jpg",
        "cat/@eaDir/1.jpg/SYNOPHOTO_THUMB_XL.jpg",
        "$RECYCLE.BIN/$R1.jpg",
        "cat/THUMBS.DB",
        "cat/.gitignore",
    ],
)
def test_what_tools_leave_behind(path):
    assert is_junk(path)


@pytest.mark.parametrize("path", ["cat/1.jpg", "cat/.jpg", "a.b/c..d/1.jpg", "git/1.jpg", ""])
def test_what_people_put_there(path):
    assert not is_junk(path)


def test_hidden_files_are_no_leftovers():
    assert not is_leftover("cat/.hidden.jpg")
    assert is_leftover("cat/._1.jpg")
    assert is_leftover("cat/.DS_Store")
