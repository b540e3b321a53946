"""python -m app.predict, run for real on a small model."""

import csv
import io
import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.predict import __main__ as predict
from app.predict.inputs import ImageInput, Unusable
from app.predict.stream import predictions
from app.predictor import Predictor
from common.errors import StageError
from common.tables.predictions import read_predictions
from tests.helpers.images import COLOURS, image_bytes, make_image
from tests.helpers.pipeline import ROOT

NAMES = ["cat", "dog", "owl"]


@pytest.fixture(scope="module")
def models(whole_run):
    return whole_run.path("models")


@pytest.fixture(scope="module")
def predictor(models):
    return Predictor(models, batch_size=4)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to work in, with 7 images, 2 bad ones and what does not matter in set/."""
    monkeypatch.chdir(tmp_path)
    for number, (label, colour) in enumerate([*COLOURS.items()] * 2):
        put(f"set/{label}/{number}.png", image_bytes(make_image(number, colour=colour)))
    put("set/portrait", image_bytes(make_image(9, (40, 90)), "JPEG"))
    put("set/page.jpg", b"<!DOCTYPE html> hello")
    put("set/cut.jpg", image_bytes(make_image(8, (90, 90)), "JPEG")[:-300])
    put("set/README.txt", b"hello, this is text")
    put("set/Thumbs.db", b"junk")
    put("set/.hidden.png", b"hidden")
    return tmp_path


GOOD = [
    *("set/cat/0.png", "set/cat/3.png", "set/dog/1.png", "set/dog/4.png"),
    *("set/owl/2.png", "set/owl/5.png", "set/portrait"),
]


def put(path: str, data: bytes) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(data)


def asked(capsys, models, *words) -> tuple[int, list[str], list[str]]:
    """Exit status, lines of stdout, lines of stderr (without the progress bar)."""
    status = predict.main([*map(str, words), f"--model={models}", "--batch-size=4"])
    captured = capsys.readouterr()
    return status, captured.out.splitlines(), captured.err.splitlines()


def test_a_folder_is_answered_in_a_table_and_bad_files_are_listed_at_the_end(
    capsys, models, here, predictor
):
    status, out, err = asked(capsys, models, "set")
    expected = predictor.predict(GOOD)
    assert status == 1
    assert out[0] == "image\tdecision\tconfidence\tprobabilities"
    rows = [line.split("\t") for line in out[1:]]
    assert [row[0] for row in rows] == GOOD
    assert [row[1] for row in rows] == [
        prediction.decision or "(unsure)" for prediction in expected
    ]
    assert [row[2] for row in rows] == [f"{prediction.confidence:.3f}" for prediction in expected]
    assert err[0] == "2 could not be answered:"
    assert err[1].startswith("  set/cut.jpg: truncated: ")
    assert err[2] == "  set/page.jpg: not_an_image: begins with b'<!DOCTYPE html> '"
    assert err[3].startswith("predict: 7 images answered: ")
    assert err[3].endswith("; 2 bad; 1 not an image and passed over")
    assert len(err) == 4


def test_a_tidy_folder_succeeds(capsys, models, here):
    Path("set/page.jpg").unlink()
    Path("set/cut.jpg").unlink()
    status, out, err = asked(capsys, models, "set", "set/cat/0.png", "set/*/*.png")
    assert status == 0 and len(out) == 1 + 7 and len(err) == 1


def test_json_lines_come_in_order_with_errors_among_them(capsys, models, here, predictor):
    status, out, _ = asked(capsys, models, "none.png", "set", "README", "--json")
    lines = [json.loads(line) for line in out]
    assert status == 1
    assert [line["path"] for line in lines] == [
        *("none.png", *GOOD[:2], "set/cut.jpg", *GOOD[2:6], "set/page.jpg", GOOD[6], "README"),
    ]
    assert lines[0]["error"] == {"reason": "missing", "detail": "no such file or folder"}
    assert lines[3]["error"]["reason"] == "truncated"
    (expected,) = predictor.predict([GOOD[0]])
    assert {k: lines[1][k] for k in ("decision", "likeliest", "abstained")} == {
        "decision": expected.decision,
        "likeliest": expected.likeliest,
        "abstained": expected.abstained,
    }
    assert lines[1]["confidence"] == pytest.approx(expected.confidence, abs=1e-5)
    assert lines[1]["probabilities"] == pytest.approx(expected.probabilities, abs=1e-5)


def test_test_images_get_the_pipelines_probabilities_in_csv(capsys, models, whole_run, tmp_path):
    table = read_predictions(whole_run.path("predictions/test.csv"), NAMES)
    table = table.sort_values("path", kind="stable")
    raw = whole_run.path("raw")
    path = tmp_path / "out.csv"
    status, out, _ = asked(
        capsys, models, *(raw / relative for relative in table["path"]), "--csv", path
    )
    assert (status, out) == (0, [])
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [Path(row["path"]).relative_to(raw).as_posix() for row in rows] == list(table["path"])
    for name in NAMES:
        values = [float(row[f"p_{name}"]) for row in rows]
        np.testing.assert_allclose(values, table[f"p_{name}"], atol=1e-3)


def test_heat_maps_mirror_the_folders(capsys, models, here):
    status, out, err = asked(capsys, models, "set", "--heatmaps", "heat")
    assert status == 1 and out == [] and err[-1].endswith("heat maps in heat")
    files = sorted(p.relative_to("heat").as_posix() for p in Path("heat").rglob("*.*"))
    assert files == [f"{path.removeprefix('set/')}.heat.jpg" for path in GOOD]
    # 60x48 enlarged to 256x205, one above the other, with a caption; 40x90 side by side.
    with Image.open("heat/cat/0.png.heat.jpg") as wide:
        assert wide.size == (256, 205 + 6 + 205 + 30)
        pixels = np.asarray(wide.convert("RGB")).astype(int)
    with Image.open("heat/portrait.heat.jpg") as upright:
        assert upright.size == (256, 256 + 30)
    with Image.open("set/cat/0.png") as source:
        expected = np.asarray(source.resize((256, 205), Image.Resampling.LANCZOS)).astype(int)
    assert np.abs(pixels[:205] - expected).mean() < 3
    assert np.abs(pixels[211:416] - expected).mean() > 10  # the heat
    assert pixels[416:].min() < 100 and pixels[418:420].min() > 240  # letters on white


def test_images_are_sorted_into_folders_byte_for_byte(capsys, models, here, predictor):
    expected = predictor.predict(GOOD)
    wanted = {
        Path("out", prediction.decision or "unsure", Path(path).name): Path(path).read_bytes()
        for path, prediction in zip(GOOD, expected, strict=True)
    }
    for words in ("7 copied into out", "0 copied into out, 7 there already"):
        _, _, err = asked(capsys, models, "set", "--sort-into", "out", "--csv", "out.csv")
        assert err[-1].endswith(f"table in out.csv; {words}")
        copied = {path: path.read_bytes() for path in Path("out").rglob("*") if path.is_file()}
        assert copied == wanted
    assert [str(path) for path in Path("set").rglob("?.png")] != []


def test_what_is_unsure_is_told_as_such(capsys, models, here):
    copied = here / "models"
    copied.mkdir()
    (copied / "classifier").symlink_to(models / "classifier")
    rules = {"positive": None, "threshold": None, "abstain_below": 1.1, "abstain_target": 0.95}
    (copied / "decision.json").write_text(json.dumps(rules | {"classes": NAMES, "rule": "x"}))
    _, out, err = asked(capsys, copied, "set/cat")
    assert [line.split("\t")[1] for line in out[1:]] == ["(unsure)", "(unsure)"]
    assert err == ["predict: 2 images answered: 2 unsure"]
    asked(capsys, copied, "set/cat", "--sort-into", "out", "--csv", "o.csv", "--heatmaps", "heat")
    assert sorted(map(str, Path("out").rglob("*.png"))) == ["out/unsure/0.png", "out/unsure/3.png"]
    assert Path("o.csv").read_text().splitlines()[1].startswith("set/cat/0.png,,")


def test_an_image_may_come_by_the_standard_input(capsys, models, here, monkeypatch, predictor):
    data = Path("set/cat/0.png").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    status, out, _ = asked(capsys, models, "-", "--json", "--heatmaps", "heat")
    (expected,) = predictor.predict([data])
    line = json.loads(out[0])
    assert (status, line["path"], line["likeliest"]) == (0, "-", expected.likeliest)
    assert os.listdir("heat") == ["-.heat.jpg"]


def test_the_listing_runs_ahead_of_the_answers_by_little_however_many_there_are(predictor):
    """So a million images need no more memory than some dozens."""
    data = image_bytes(make_image(1))
    ahead, listed = 0, 0

    def endless():
        nonlocal listed
        for listed in itertools.count(1):
            name = str(listed - 1)
            yield Unusable(name, "x", "y") if listed % 5 == 1 else ImageInput(name, "", data)

    answers = predictions(endless(), predictor.stream)
    for number, (item, answer) in zip(range(400), answers, strict=False):
        assert item.name == str(number)
        assert isinstance(item, Unusable) == (answer is None) == (number % 5 == 0)
        ahead = max(ahead, listed - number)
    # A batch of 4, and four images for each thread that decodes; every fifth is none.
    assert ahead < 1.25 * (4 + 4 * os.cpu_count()) + 3


@pytest.mark.parametrize(
    "words, expected",
    [
        (["set", "--sort-into", "set/sorted"], "--sort-into to write outside"),
        (["set/*", "--heatmaps", "set"], "--heatmaps to write outside"),
        (["set/cat", "--heatmaps", "set"], "--heatmaps to write outside"),
        (["set", "--csv", "set"], "a file for --csv. Received: set"),
        (["set", "--csv", "/dev/null"], "a file for --csv. Received: /dev/null"),
        (["set/portrait", "--csv", "set/../set/portrait"], "a file of its own"),
        (["set", "--csv", "set/cat/0.png"], "set/cat/0.png, which is an image"),
        (["set/cat/*.png", "--csv", "set/portrait"], "set/portrait, which is an image"),
        (["set", "--csv", "set/portrait/out.csv"], "to write set/portrait/out.csv"),
        (["set", "--sort-into", "README/x"], "to write README/x"),
        (["set", "--model", "nothing"], "a trained model in nothing"),
    ],
)
def test_mistakes_are_told_before_anything_is_done(capsys, models, here, words, expected):
    put("README", b"a file")
    before = sorted(map(str, here.rglob("*")))
    with pytest.raises(StageError) as error:
        predict.main([f"--model={models}", *words])
    assert expected in str(error.value)
    assert sorted(map(str, here.rglob("*"))) == before


@pytest.mark.parametrize(
    "words",
    [[], ["a", "--batch-size=0"], ["a", "--precision=float16"], ["-", "a"], ["-", "--sort-into=x"]],
)
def test_wrong_usage_has_a_status_of_its_own(capsys, words):
    with pytest.raises(SystemExit) as error:
        predict.main(words)
    assert error.value.code == 2


def test_help_and_mistakes_do_not_wait_for_tensorflow(here):
    code = (
        "import sys; from app.predict.__main__ import main\n"
        "for words in (['none.png'], ['-h']):\n"
        "    try: main([*words, '--model=.'])\n"
        "    except SystemExit: pass\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "1 could not be answered:\n  none.png: missing" in done.stderr


def test_ctrl_c_ends_quietly_and_leaves_no_half_table(models, here):
    """A process of its own, which also shows that it is quiet about everything else."""
    for number in range(3_000):
        os.link("set/cat/0.png", f"set/cat/more{number:04d}.png")
    words = [sys.executable, "-m", "app.predict", "set/cat", "--json", "--csv=out.csv"]
    process = subprocess.Popen(
        [*words, f"--model={models}"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    first = json.loads(process.stdout.readline())
    assert first["path"] == "set/cat/0.png"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    assert [path for path in os.listdir() if "out" in path] == []


def test_a_reader_that_goes_away_ends_it_quietly(models, here, monkeypatch, capsys):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert predict.main(["set", f"--model={models}", "--csv=out.csv", "--json"]) == 141
    assert capsys.readouterr().err == ""
    assert not Path("out.csv").exists()


def test_a_disk_that_fills_up_is_told(models, here, monkeypatch):
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(StageError, match=r"the standard output\. Received: No space left"):
            predict.main(["set", f"--model={models}"])
