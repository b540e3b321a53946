"""Inputs: in order, each once, by content, and with memory that does not grow."""

import itertools
import os
import pathlib
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.predict import inputs
from app.predict.inputs import (
    ImageInput,
    Skipped,
    Unusable,
    find_images,
    matches,
    parse_inputs,
    walk,
)
from common.junk import is_junk
from tests.helpers.images import image_bytes, make_image

PNG = image_bytes(make_image(0, (8, 8)))


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(*paths: str, data: bytes = PNG) -> None:
    for path in map(Path, paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def listing(*words: str) -> list[str]:
    """Names of what is found; what is bad or passed over with its kind in front."""
    kinds = {ImageInput: "", Unusable: "bad ", Skipped: "over "}
    return [kinds[type(item)] + item.name for item in find_images(parse_inputs(words))]


NAMES = st.text("ab-. A", min_size=1, max_size=3).filter(lambda name: name.strip(".") != "")


@settings(max_examples=60, deadline=None)
@given(
    st.sets(st.lists(NAMES, min_size=1, max_size=3).map("/".join), max_size=12),
    st.integers(1, 4),
)
def test_a_folder_is_walked_in_the_order_of_its_paths(paths, piece):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(inputs, "PIECE", piece)
        for path in paths:
            file = Path(folder, path)
            if not any(parent.is_file() for parent in file.parents) and not file.exists():
                put(str(file))
        files = (p.relative_to(folder) for p in Path(folder).rglob("*") if p.is_file())
        seen = [p.as_posix() for p in files if not any(part[0] == "." for part in p.parts)]
        assert list(walk(folder)) == sorted(path for path in seen if not is_junk(path))


def test_hidden_files_and_junk_are_skipped(here):
    put("set/b.png", "set/.hidden.png", "set/.git/c.png", "set/__MACOSX/d.png", "set/Thumbs.db")
    put("set/a/._x.png", "set/a/x.png")
    assert listing("set") == ["set/a/x.png", "set/b.png"]
    assert listing("set/.hidden.png", "set/.git") == ["set/.hidden.png", "set/.git/c.png"]


def test_images_are_told_by_content_and_not_by_name(here):
    put("set/picture.txt", "set/picture")
    put("set/README.txt", "set/page.jpg", data=b"hello, this is text")
    put("set/empty.txt", "set/empty.jpg", data=b"")
    put("set/old.ico", data=b"\0\0\1\0 some icon")
    put("set/cut.part", data=PNG[:-50])
    assert listing("set") == [
        *("over set/README.txt", "set/cut.part", "set/empty.jpg", "over set/empty.txt"),
        *("set/old.ico", "set/page.jpg", "set/picture", "set/picture.txt"),
    ]


def test_a_file_that_is_named_itself_is_never_passed_over(here):
    put("README.txt", data=b"hello, this is text")
    put("a.png")
    assert listing("README.txt", "none.png", "a.png") == ["README.txt", "bad none.png", "a.png"]
    (bad,) = find_images(["none.png"])
    assert (bad.reason, bad.detail) == ("missing", "no such file or folder")


def test_each_file_is_found_once(here):
    put("set/a/1.png", "set/a/2.png", "set/b/1.png", "set/.h.png", "other.png")
    everything = ["set/a/1.png", "set/a/2.png", "set/b/1.png"]
    assert listing("set", "set/a", "set/a/1.png", "./set", "set/../set/b/1.png") == everything
    assert listing("set/b/1.png", "set") == ["set/b/1.png", "set/a/1.png", "set/a/2.png"]
    assert listing("set/*/1.png", "set") == ["set/a/1.png", "set/b/1.png", "set/a/2.png"]
    assert listing("set", "set/.h.png", "set/.h.png") == [*everything, "set/.h.png"]
    Path("link").symlink_to("set")
    assert listing("set/a", "link") == ["set/a/1.png", "set/a/2.png", "link/b/1.png"]


def test_globs_in_quotes_are_expanded_as_the_shell_does_it(here):
    put("set/1.png", "set/2.jpg", "set/a/3.png", "set/a/b/4.png", "set/.x/5.png", "set/.6.png")
    assert listing("set/*.png") == ["set/1.png"]
    assert listing("set/**/*.png") == ["set/1.png", "set/a/3.png", "set/a/b/4.png"]
    assert listing("**/b/*") == ["set/a/b/4.png"]
    assert listing("set/*") == ["set/1.png", "set/2.jpg", "set/a/3.png", "set/a/b/4.png"]
    assert listing("set/.*") == ["set/.6.png", "set/.x/5.png"]
    assert listing(f"{here}/set/[0-9].png") == [f"{here}/set/1.png"]
    put("odd[1].png", "odd1.png")
    assert listing("odd[1].png") == ["odd[1].png"]  # what exists is no glob


GLOBS = st.lists(st.sampled_from(["a", "*", "**", "?b", "[ab]*", ".a"]), min_size=1, max_size=3)


@given(GLOBS, st.lists(st.sampled_from(["a", "b", "ab", ".a"]), min_size=1, max_size=4))
def test_folders_above_every_match_are_entered(pattern, parts):
    if matches(tuple(pattern), tuple(parts)):
        for length in range(1, len(parts)):
            assert matches(tuple(pattern), tuple(parts[:length]), partly=True)


def test_where_there_are_no_images_that_is_an_error(here):
    Path("empty").mkdir()
    put("texts/a.txt", data=b"hello, this is text")
    assert listing("empty") == ["bad empty"]
    assert listing("texts") == ["over texts/a.txt", "bad texts"]
    assert listing("*.gif") == ["bad *.gif"]
    reasons = [item.reason for item in find_images(parse_inputs(["empty", "none/*.gif"]))]
    assert reasons == ["no_pictures", "missing"]


def test_what_is_no_file_is_not_opened(here):
    put("set/a.png")
    os.mkfifo("set/fifo.png")  # reading it would wait for ever
    Path("set/loop").symlink_to("..")
    Path("set/gone.png").symlink_to("nowhere")
    Path("set/gone").symlink_to("nowhere")
    assert listing("set") == ["set/a.png", "bad set/gone.png"]
    assert listing("set/fifo.png") == ["bad set/fifo.png"]


def test_huge_files_are_not_read(here, monkeypatch):
    monkeypatch.setattr(inputs, "MAX_BYTES", 100)
    put("set/a.png", data=PNG + bytes(100))
    put("set/film.mp4", "film.png", data=b"\0\0\0 ftypisom" + bytes(100))
    assert listing("set") == ["bad set/a.png", "over set/film.mp4"]
    assert [item.reason for item in find_images(["set/a.png", "film.png"])] == [
        "too_large",
        "not_an_image",
    ]


def test_a_folder_that_goes_away_is_told(here):
    put("set/a/1.png", "set/b/1.png", "set/c/1.png")
    stream = find_images(parse_inputs(["set"]))
    assert next(stream).name == "set/a/1.png"
    Path("set/b").rename("b")
    rest = [(type(item), item.name) for item in stream]
    assert rest == [(Unusable, "set/b"), (ImageInput, "set/c/1.png")]


def test_names_that_are_no_text_can_be_shown(here):
    Path("set").mkdir()
    Path(os.fsdecode(b"set/caf\x82.png")).write_bytes(PNG)
    (item,) = find_images(parse_inputs(["set"]))
    assert item.name == "set/café.png" and item.read() == PNG


def test_memory_does_not_grow_with_the_number_of_files(here, monkeypatch):
    """What is held after 300 of 2,000 files, named twice, is no more than of 400."""
    monkeypatch.setattr(inputs, "PIECE", 50)
    put("one.png")
    # Python's table of interned strings, which pathlib uses, grows by leaps of its own.
    not_pathlib = tracemalloc.Filter(False, pathlib.__file__)
    held = []
    for n in (400, 2_000):
        folder = here / f"set{n}"
        folder.mkdir()
        for number in range(n):
            os.link("one.png", folder / f"{number:08d}.png")
        stream = find_images(parse_inputs([str(folder), str(folder)]))
        tracemalloc.start()
        assert len(list(map(type, itertools.islice(stream, 300)))) == 300
        snapshot = tracemalloc.take_snapshot().filter_traces([not_pathlib])
        tracemalloc.stop()
        held.append(sum(trace.size for trace in snapshot.traces))
        assert sum(1 for _ in stream) == n - 300
    assert held[1] < 1.1 * held[0] < 50_000


def test_the_walk_goes_no_further_than_it_is_used(here):
    put(*(f"set/{folder}/1.png" for folder in "abc"))
    stream = find_images(parse_inputs(["set"]))
    assert [item.name for item in itertools.islice(stream, 1)] == ["set/a/1.png"]
    put("set/c/2.png")
    assert [item.name for item in stream] == ["set/b/1.png", "set/c/1.png", "set/c/2.png"]
