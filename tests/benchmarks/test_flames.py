"""Flame graphs: which frames of a profile are drawn, and where."""

from benchmarks.flames import Span, draw, own_frames, spans

BELOW = "fit (stages/train/fitting.py:9);call (tensorflow/python/eager/f.py:3);g (numpy/x.py:1)"
TOP = "_run_code (<frozen runpy>:88);<module> (stages/train/__main__.py:101)"


def test_own_functions_and_the_library_below_the_last_are_kept():
    assert own_frames(f"{TOP};{BELOW}") == (
        "stages/train/__main__.py",
        "fitting.fit",
        "tensorflow",
    )
    loading = "_find_and_load (<frozen importlib._bootstrap>:1);<module> (keras/__init__.py:2)"
    assert own_frames(f"{TOP};{loading}") == ("stages/train/__main__.py", "keras")
    assert own_frames("wait (threading.py:3)") == ()


def test_widths_are_seconds_and_the_widest_comes_first():
    lines = [f"{TOP};{BELOW} 30", f"{TOP};read (common/files.py:5) 50", f"{TOP} 20"]
    assert spans("\n".join(lines)) == [
        Span("stages/train/__main__.py", 0, 0.0, 1.0),
        Span("files.read", 1, 0.0, 0.5),
        Span("fitting.fit", 1, 0.5, 0.3),
        Span("tensorflow", 2, 0.5, 0.3),
    ]


def test_a_picture_is_drawn(tmp_path):
    boxes = spans(f"{TOP};{BELOW} 30")
    draw(tmp_path / "images/flames.png", {"before": boxes, "after": boxes})
    assert (tmp_path / "images/flames.png").stat().st_size > 5000
