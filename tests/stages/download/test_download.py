import hashlib
import os
import zipfile

import pytest

from common.errors import StageError
from common.files import read_json
from tests.helpers.images import write_images


def files_in(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def zip_of(folder, target):
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in files_in(folder).items():
            archive.writestr(f"top/{name}", content)
    return target


def test_a_folder_arrives_as_it_is_without_junk(run):
    source = write_images(run.path("source"), {"cat": 3, "dog": 2})
    expected = files_in(source)
    (source / ".DS_Store").write_bytes(b"x")
    (source / "cat" / "Thumbs.db").write_bytes(b"x")
    run.download()
    assert files_in(run.path("raw")) == expected
    metrics = read_json(run.path("m/download.json"))
    assert metrics == {
        "source": "path",
        "files": 5,
        "junk": 2,
        "links": 0,
        "folders": 2,
        "bytes": sum(len(content) for content in expected.values()),
    }
    assert run.path("p/download/files.png").read_bytes().startswith(b"\x89PNG")


def test_names_that_are_no_utf8_become_text(run):
    images = write_images(run.path("source"), {"cat": 2, "dog": 2})
    (images / "cat" / "000.png").rename(images / "cat" / os.fsdecode(b"caf\x82.png"))
    run.download()
    assert sorted(files_in(run.path("raw")))[:2] == ["cat/001.png", "cat/café.png"]
    run.clean()


def test_links_are_followed_once(run):
    images = write_images(run.path("elsewhere"), {"cat": 2, "dog": 2})
    run.path("source").mkdir()
    (run.path("source") / "cat").symlink_to(images / "cat")
    (run.path("source") / "dog").symlink_to(images / "dog")
    (images / "dog" / "loop").symlink_to(run.path("source"))
    run.download()
    assert sorted(files_in(run.path("raw"))) == [
        "cat/000.png",
        "cat/001.png",
        "dog/000.png",
        "dog/001.png",
    ]


@pytest.mark.parametrize("inside_a_folder", [False, True])
def test_an_archive_is_checked_and_unpacked(run, small_params, inside_a_folder):
    images = write_images(run.path("elsewhere"), {"cat": 3, "dog": 2})
    run.path("source").mkdir()
    archive = zip_of(images, run.path("source") / "pictures.zip")
    checksum = hashlib.sha256(archive.read_bytes()).hexdigest()
    small_params(data__sha256=checksum.upper())
    run.download("source" if inside_a_folder else "source/pictures.zip")
    expected = {f"top/{name}": content for name, content in files_in(images).items()}
    assert files_in(run.path("raw")) == expected
    assert read_json(run.path("m/download.json"))["sha256"] == checksum


def nothing_is_left(run):
    return sorted(path.name for path in run.folder.iterdir()) in (
        ["params.yaml"],
        ["params.yaml", "source"],
    )


def test_a_wrong_sha256_is_reported_and_leaves_nothing(run, small_params):
    images = write_images(run.path("source/x"), {"cat": 3, "dog": 2})
    archive = zip_of(images, run.path("source/x.zip"))
    small_params(data__sha256="0" * 64)
    with pytest.raises(StageError, match=r"Expected data\.sha256 0{64}\. Received: x\.zip with "):
        run.download("source/x.zip")
    assert archive.exists()
    assert nothing_is_left(run)
    with pytest.raises(StageError, match=r"Expected an archive, because data\.sha256 is given"):
        run.download("source/x")
    assert nothing_is_left(run)


def test_an_empty_or_missing_source_is_an_error(run):
    with pytest.raises(StageError, match="which does not exist"):
        run.download()
    run.path("source").mkdir()
    (run.path("source") / ".gitkeep").touch()
    with pytest.raises(StageError, match="Received: no files"):
        run.download()
    assert nothing_is_left(run)


def test_limits_come_from_the_parameters(run, small_params):
    images = write_images(run.path("source/x"), {"cat": 3, "dog": 2})
    zip_of(images, run.path("source/x.zip"))
    small_params(data__max_files=4)
    with pytest.raises(StageError, match="4"):
        run.download("source/x.zip")
    small_params(data__max_gigabytes=1e-6)
    with pytest.raises(StageError, match=r"1,?000"):
        run.download("source/x.zip")
    assert nothing_is_left(run)


def test_an_earlier_result_stays_when_a_new_one_fails(run, small_params):
    write_images(run.path("source"), {"cat": 3, "dog": 2})
    run.download()
    before = files_in(run.path("raw"))
    with pytest.raises(StageError):
        run.download("nowhere")
    assert files_in(run.path("raw")) == before


def test_links_pipes_and_empty_folders_of_a_source_are_told(run, small_params, capsys):
    write_images(run.path("source"), {"wolf": 3, "dog": 2})
    (run.path("source") / "canis_lupus").symlink_to("wolf")
    (run.path("source") / "dog/gone.png").symlink_to("nothing.png")
    os.mkfifo(run.path("source") / "dog/pipe.png")
    run.download()
    told = capsys.readouterr().err
    assert "1 link(s) to what is in the source under its real name left out: canis_lupus" in told
    assert "1 link(s) that lead nowhere left out: dog/gone.png" in told
    assert "1 pipe(s), socket(s) or device(s) left out: dog/pipe.png" in told
    assert {name.split("/")[0] for name in files_in(run.path("raw"))} == {"wolf", "dog"}
    assert read_json(run.path("m/download.json"))["links"] == 1
    (run.path("source") / "owl").mkdir()
    with pytest.raises(StageError, match=r"Received 1 empty folder\(s\) beside others: owl"):
        run.download()
    small_params(clean__missing_classes="drop")
    run.download()
    assert "owl; they are no classes" in capsys.readouterr().err


def test_an_archive_of_archives_is_told(run, capsys):
    images = write_images(run.path("images"), {"cat": 3, "dog": 2})
    inner = zip_of(images, run.path("inner.zip")).read_bytes()
    run.path("source").mkdir()
    outer = run.path("source") / "outer.zip"
    with zipfile.ZipFile(outer, "w") as archive:
        archive.writestr("data/inner.zip", inner)
    with pytest.raises(StageError, match=r"Received archives alone: data/inner\.zip"):
        run.download("source/outer.zip")
    with zipfile.ZipFile(outer, "a") as archive:
        archive.writestr("cat/1.png", b"x")
    run.download("source/outer.zip")
    assert "1 archive(s) in outer.zip stay packed: data/inner.zip" in capsys.readouterr().err


def test_a_part_of_an_archive_is_told(run):
    images = write_images(run.path("images"), {"cat": 3, "dog": 2})
    whole = zip_of(images, run.path("photos.zip")).read_bytes()
    run.path("photos.zip.001").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(
        StageError, match=r"one part of an archive .*cat photos\.zip\.\* > photos\."
    ):
        run.download("photos.zip.001")
