from stages.report.embed import embed, find_plots
from tests.helpers.report_inputs import drawing


def test_images_fit_into_the_limit(tmp_path):
    sizes = [(1700, 300), (1500, 300), (300, 200)]
    files = [drawing(tmp_path / f"{i}.png", *size, noise=True) for i, size in enumerate(sizes)]
    whole, left_out = embed(tmp_path, files)
    assert (left_out, [image.embedded_width for image in whole]) == ([], [1600, 1500, 300])
    assert [(image.width, image.height) for image in whole] == sizes
    total = sum(len(image.uri) for image in whole)
    smaller, left_out = embed(tmp_path, files, limit=total * 2 // 3)
    assert left_out == []
    assert sum(len(image.uri) for image in smaller) <= total * 2 // 3
    assert smaller[0].embedded_width < 1600
    assert smaller[2].uri == whole[2].uri  # small ones stay as they are
    none, left_out = embed(tmp_path, files, limit=10)
    assert left_out == ["2.png", "1.png", "0.png"]
    assert none == []


def test_all_image_files_are_found_and_nothing_else(tmp_path):
    names = ["b/one.png", "a.PNG", "b/c/two.jpg"]
    for name in [*names, "b/curve.csv"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [path.relative_to(tmp_path).as_posix() for path in find_plots(tmp_path)] == [
        "a.PNG",
        "b/c/two.jpg",
        "b/one.png",
    ]
