"""The built-in sample: the same bytes every time, and every planted fault is what it says."""

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps, UnidentifiedImageError

from stages.download.sample.advertisements import LAYOUTS, draw_brand
from stages.download.sample.canvas import Canvas, ink_on
from stages.download.sample.other_images import OTHERS
from stages.download.sample.photographs import LEAST_CONTRAST, Studio
from stages.download.sample.planted import Planted
from stages.download.sample.write import ADVERTISING, OTHER, write_sample

SEED = 7


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("sample") / "raw"


@pytest.fixture(scope="module")
def report(folder) -> dict:
    return write_sample(folder, SEED)


@pytest.fixture(scope="module")
def planted(report) -> dict[str, list[Planted]]:
    """The planted files by reason, the odd but good ones by what they are."""
    by_reason = {}
    for file in report["files"]:
        key = file.how if file.reason == "kept" else file.reason
        by_reason.setdefault(key, []).append(file)
    return by_reason


def hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def thumbnail(path: Path) -> np.ndarray:
    """Grey (64, 64) float64, standardised."""
    with Image.open(path) as image:
        grey = ImageOps.exif_transpose(image).convert("L").resize((64, 64), Image.Resampling.BOX)
    values = np.asarray(grey, dtype=np.float64)
    return (values - values.mean()) / values.std()


def test_seed_decides_every_byte(folder, report, tmp_path):
    seen = []
    again = write_sample(
        tmp_path / "again", SEED, lambda items: (seen.append(1) or i for i in items)
    )
    assert len(seen) == ADVERTISING + OTHER
    assert again == report
    assert hashes(tmp_path / "again") == hashes(folder)
    write_sample(tmp_path / "different", SEED + 1)
    common = set(hashes(tmp_path / "different").values()) & set(hashes(folder).values())
    assert len(common) == 5  # nothing but the files that hold no photograph


def test_counts(folder, report):
    assert sorted(path.name for path in folder.iterdir()) == ["advertising", "other"]
    assert {path.name for path in folder.parent.iterdir()} == {"raw"}
    for label in ("advertising", "other"):
        files = list((folder / label).iterdir())
        assert all(path.is_file() for path in files)
        assert len(files) == report[label]
    assert ADVERTISING == 6 * OTHER
    assert 5 < report["advertising"] / report["other"] < 6
    assert report["planted"] == {
        "empty": 1,
        "exact_duplicate": 6,
        "junk": 1,
        "label_conflict": 4,
        "near_duplicate": 8,
        "no_content": 1,
        "not_an_image": 2,
        "too_small": 1,
        "truncated": 2,
    }
    assert report["planted"] == Counter(f.reason for f in report["files"] if f.reason != "kept")


def test_every_other_image_is_whole_and_unlike_the_rest(folder, report):
    touched = {path for file in report["files"] for path in (file.path, file.original)}
    sizes, formats, digests = [], Counter(), set()
    for path, digest in hashes(folder).items():
        if path in touched:
            continue
        with Image.open(folder / path) as image:
            image.load()
            sizes.append(image.size)
            formats[image.format] += 1
        digests.add(digest)
    assert len(digests) == len(sizes) > 390
    assert min(map(min, sizes)) >= 159
    assert max(map(max, sizes)) <= 420
    assert formats["JPEG"] > 5 * formats["PNG"] > 0


def test_exact_copies(folder, planted):
    for file in planted["exact_duplicate"]:
        assert (folder / file.path).read_bytes() == (folder / file.original).read_bytes()
        assert file.path.split("/")[0] == file.original.split("/")[0]


def test_near_copies(folder, planted):
    for file in planted["near_duplicate"]:
        copy, original = thumbnail(folder / file.path), thumbnail(folder / file.original)
        copy = copy[:, ::-1] if file.how == "mirrored" else copy
        assert (folder / file.path).read_bytes() != (folder / file.original).read_bytes()
        # Slightly cropped images do not align without a search.
        assert (copy * original).mean() > (0.6 if "cropped" in file.how else 0.95), file
    assert len({file.how for file in planted["near_duplicate"]}) == 6


def test_copies_do_not_chain(report):
    """No file has two parts to play, so that each expected reason is unambiguous."""
    copies = [f for f in report["files"] if f.original and f.reason != "label_conflict"]
    conflicts = [f.path for f in report["files"] if f.reason == "label_conflict"]
    names = [name for file in copies for name in (file.path, file.original)] + conflicts
    assert len(names) == len(set(names))


def test_both_labels(folder, planted):
    for file in planted["label_conflict"]:
        assert (folder / file.path).read_bytes() == (folder / file.original).read_bytes()
        assert file.path.split("/")[0] != file.original.split("/")[0]


def test_broken_files(folder, planted):
    for file in planted["truncated"]:
        image = Image.open(folder / file.path)
        assert image.format == "JPEG"
        with pytest.raises(OSError, match="truncated"):
            image.load()
    for file in planted["not_an_image"] + planted["junk"] + planted["empty"]:
        with pytest.raises(UnidentifiedImageError):
            Image.open(folder / file.path)
    (empty,), (tiny,), (blank,) = planted["empty"], planted["too_small"], planted["no_content"]
    assert (folder / empty.path).stat().st_size == 0
    assert Image.open(folder / tiny.path).size == (8, 8)
    assert len(Image.open(folder / blank.path).getcolors()) == 1


@pytest.mark.parametrize(
    ("how", "suffix", "encoding", "mode"),
    [
        ("CMYK JPEG", ".jpg", "JPEG", "CMYK"),
        ("PNG named .jpg", ".jpg", "PNG", "RGB"),
        ("WebP", ".webp", "WEBP", "RGB"),
        ("GIF", ".gif", "GIF", "P"),
        ("turned by EXIF", ".jpg", "JPEG", "RGB"),
        ("grey JPEG", ".jpg", "JPEG", "L"),
        ("16-bit grey PNG", ".png", "PNG", "I;16"),
        ("RGBA cut-out PNG", ".png", "PNG", "RGBA"),
    ],
)
def test_odd_but_good_images(folder, planted, how, suffix, encoding, mode):
    (file,) = planted[how]
    with Image.open(folder / file.path) as image:
        image.load()
        assert (Path(file.path).suffix, image.format, image.mode) == (suffix, encoding, mode)
        if how == "turned by EXIF":
            assert ImageOps.exif_transpose(image).size == image.size[::-1]
        if mode == "I;16":
            assert np.asarray(image).max() > 255
        if mode == "RGBA":
            assert image.getchannel("A").getextrema() == (0, 255)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda row: row[0].__name__)
@pytest.mark.parametrize("size", [(420, 175), (175, 420), (160, 160)])
def test_layouts_fill_any_size(layout, size):
    rng = np.random.default_rng(0)
    for _ in range(3):
        image = layout[0](rng, size, draw_brand(rng), Studio(rng).shoot)
        assert (image.size, image.mode) == (size, "RGB")
        assert np.asarray(image).std() > 10


def test_shares_add_up():
    assert sum(share for *_, share in LAYOUTS) == pytest.approx(1)
    assert sum(share for _, share in OTHERS) == pytest.approx(1)


def test_crops_are_varied():
    studio = Studio(np.random.default_rng(0))
    crops = [studio.shoot(200, 150) for _ in range(40)]
    assert all(np.asarray(crop.convert("L")).std() > 0.6 * LEAST_CONTRAST for crop in crops)
    flat = np.stack(
        [np.asarray(crop.convert("L").resize((16, 16)), float).ravel() for crop in crops]
    )
    correlation = np.corrcoef(flat) - np.eye(len(crops))
    assert correlation.max() < 0.97


def test_text_stays_inside_its_area():
    canvas = Canvas.plain((300, 200), (255, 255, 255))
    canvas.write((0.2, 0.3, 0.8, 0.7), "Free shipping on everything", (0, 0, 0))
    rows, columns = np.nonzero(np.asarray(canvas.image.convert("L")) < 128)
    assert 60 <= columns.min() < columns.max() <= 240
    assert 60 <= rows.min() < rows.max() <= 140


def test_ink_can_be_read():
    assert ink_on((250, 250, 200))[0] < 50
    assert ink_on((20, 20, 90)) == (255, 255, 255)
