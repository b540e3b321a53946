import numpy as np
import pytest
from PIL import Image

from stages.gradcam import plots
from stages.gradcam.plots import Row


def tiles(count, size=(60, 90)):
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(count)]


@pytest.mark.parametrize(("count", "n_tiles"), [(1, 3), (7, 4), (30, 3)])
def test_galleries_of_few_and_of_many_images_fit_a_page(tmp_path, count, n_tiles):
    rows = [Row(tiles(n_tiles), f"caption {index}") for index in range(count)]
    headings = [f"heading {index}" for index in range(n_tiles)]
    plots.gallery(tmp_path / "page.png", "title\nmore", headings, rows)
    with Image.open(tmp_path / "page.png") as image:
        assert 400 < image.width < 2700
        assert 200 < image.height < 4000


def test_tiles_are_drawn_side_by_side_at_their_shape():
    strip = plots._strip(tiles(3))
    seam, side = plots.SEAM, plots.SIDE
    assert strip.shape == (round(side * 60 / 90), 3 * side + 2 * seam, 3)
    assert (strip[:, side : side + seam] == 255).all()


@pytest.mark.parametrize("n", [1, 16])
def test_the_trials_are_drawn_with_and_without_intervals(tmp_path, n):
    rng = np.random.default_rng(0)
    names = ["gradcam", "gradcam_pp", "eigencam", "attention", "random", "centre"]
    curves = {name: rng.random((2, 11)) for name in names}
    verdicts = {name: {"deletion_auc": 0.4, "insertion_auc": 0.7} for name in names}
    for index, name in enumerate(names):
        if name != "random":
            verdicts[name] |= {"gain": 0.1 * index, "p_value": 0.5, "beats_random": index == 0}
            ends = {"gain_low": 0.1 * index - 0.2, "gain_high": 0.1 * index + 0.2}
            verdicts[name] |= dict.fromkeys(ends) if n == 1 else ends
    plots.faithfulness(tmp_path / "faithfulness.png", curves, verdicts, n)
    likeness = {"gradcam": {"head": 0.1, "last_1": None, "all": 0.0}, "eigencam": {}}
    likeness["eigencam"] = dict.fromkeys(likeness["gradcam"])  # nowhere defined
    plots.randomisation(tmp_path / "randomisation.png", likeness, n)
    rows = [Row(tiles(3), "caption")]
    plots.methods(tmp_path / "tested.png", names[:2], verdicts, rows)
    plots.methods(tmp_path / "untested.png", names[:2], {}, rows)
    for path in tmp_path.iterdir():
        with Image.open(path) as image:
            assert np.asarray(image.convert("L")).std() > 5, path
    assert (tmp_path / "tested.png").read_bytes() != (tmp_path / "untested.png").read_bytes()
