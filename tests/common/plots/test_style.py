import numpy as np
import pytest
from PIL import Image

from common.plots import bars
from common.plots.style import drawing


@pytest.mark.parametrize("name", ["$x_{$", "5$ to 10$", "a_b^c", "\\frac"])
def test_names_are_text_and_no_formulas(tmp_path, name):
    bars.bars(tmp_path / "bars.png", f"of {name}", [name, "dog"], [3, 4], "files")
    assert (tmp_path / "bars.png").read_bytes().startswith(b"\x89PNG")


def test_a_dollar_takes_its_place(tmp_path):
    widths = {}
    for text in ("5$ 10$", "5 10"):
        with drawing(tmp_path / "text.png", 4, 1) as (_, ax):
            ax.axis("off")
            ax.text(0, 0.5, text, fontsize=20)
        dark = np.asarray(Image.open(tmp_path / "text.png").convert("L")) < 128
        widths[text] = np.ptp(np.flatnonzero(dark.any(axis=0)))
    assert widths["5$ 10$"] > 1.3 * widths["5 10"]
