import re

import pytest

from benchmarks.decode import main
from common.errors import StageError
from tests.helpers.images import image_bytes, make_image


def test_both_ways_are_compared_on_every_jpeg_large_enough(tmp_path, capsys):
    for name, size in (("a", (400, 300)), ("b", (300, 300)), ("small", (90, 90))):
        data = image_bytes(make_image(1, size), "JPEG", quality=95)
        (tmp_path / f"{name}.jpg").write_bytes(data)
    (tmp_path / "c.png").write_bytes(image_bytes(make_image(1, (400, 300))))
    (tmp_path / "d.jpg").write_bytes(b"no picture")
    main([str(tmp_path), "--side", "32"])
    text = capsys.readouterr().out
    assert text.startswith("2 JPEGs to 32 px, stretch: full ")
    assert "1 smaller ones left out" in text
    assert float(re.search(r"mean ([0-9.]+)", text)[1]) < 1
    main([str(tmp_path), "--side", "32", "--enlarge", "2"])
    assert capsys.readouterr().out.startswith("3 JPEGs")
    with pytest.raises(StageError, match=r"at least 800 px .*\(3 smaller\)"):
        main([str(tmp_path), "--side", "200"])
