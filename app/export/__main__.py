"""The trained model in other formats, each checked against the Keras model on real images.

    python -m app.export --format savedmodel onnx tflite openvino
    python -m app.export --format tflite --quantise int8

Writes a folder per format into --out (int8: tflite_int8), with the model and `export.json`, which
tells how to feed it. An export whose probabilities differ from the Keras model's by more than
0.001 is refused; a quantised one by more than --bound in the mean.
"""

import argparse
import contextlib
import dataclasses
import logging
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from app.export.comparison import (
    FLOAT_BOUND,
    INT8_BOUND,
    Comparison,
    compare,
    require_close,
    require_close_in_the_mean,
)
from app.export.formats import (
    FORMATS,
    PIXELS,
    PROBABILITIES,
    Source,
    has_bfloat16,
    named,
    open_openvino,
    require_packages,
)
from app.export.quantisation import FLOAT_OPS
from app.export.samples import Images, calibration_images, dataset_images, folder_images
from common import cli
from common.errors import StageError
from common.files import atomic_folder, read_json, sha256_of, write_json
from networks.classifier import MODEL_FILE, Classifier, load_classifier

IMAGES = 200
CARD = "export.json"


def main(argv: list[str] | None = None) -> None:
    """Exports; see the module."""
    args = parse(argv)
    # Freezing for ONNX warns a dozen times that it will be removed from TensorFlow some day.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    names = asked_formats(args)
    require_packages(names)
    classifier = load_classifier(args.model / "classifier")
    given = {name: images_for(name, classifier, args) for name in names}  # before the work
    with source_of(classifier, args) as source:
        for name, images in given.items():
            print(export(name, source, classifier, images, args), flush=True)
    cli.summary("export", f"{len(names)} in {args.out}: {', '.join(names)}")


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The flags; see --help."""
    parser = argparse.ArgumentParser(
        prog="python -m app.export",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    choices = [name for name in FORMATS if not name.endswith("_int8")]
    add("--format", nargs="+", required=True, choices=choices)
    add("--quantise", choices=["int8"], help="of tflite: a quarter of the size, less exact")
    add("--model", type=Path, default=Path("models"), metavar="PATH", help="default: models")
    add("--out", type=Path, default=Path("exports"), metavar="PATH", help="default: exports")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--dataset",
        type=Path,
        default=Path("data/dataset"),
        metavar="PATH",
        help="compares on its test pictures; default: data/dataset",
    )
    where.add_argument(
        "--check-folder",
        type=Path,
        metavar="PATH",
        help="compares on the pictures in this folder instead, which need no labels",
    )
    add(
        "--images",
        "--pictures",  # its name in the first release
        type=int,
        metavar="N",
        help=f"how many to compare on; default: {IMAGES}, all for int8, to measure its accuracy",
    )
    add(
        "--bound",
        type=float,
        default=INT8_BOUND,
        help="of a quantised model: mean over pictures of the largest difference in each; "
        f"default: {INT8_BOUND}",
    )
    return parser.parse_args(argv)


def asked_formats(args: argparse.Namespace) -> list[str]:
    """Keys of FORMATS, each once.

    Raises:
        StageError: flags that do not go together.
    """
    if args.images is not None and args.images < 1:
        raise StageError(f"Expected --images of at least 1. Received: {args.images}.")
    if not args.quantise:
        return list(dict.fromkeys(args.format))
    if "tflite" not in args.format:
        raise StageError(
            "Expected --format tflite with --quantise int8. Received: --format "
            f"{' '.join(args.format)}. Only tflite is quantised."
        )
    if args.check_folder:
        raise StageError(
            "Expected --dataset with --quantise int8: the ranges are measured on train, the loss "
            f"of accuracy on test. Received: --check-folder {args.check_folder}."
        )
    return [f"{name}_int8" if name == "tflite" else name for name in dict.fromkeys(args.format)]


@contextlib.contextmanager
def source_of(classifier: Classifier, args: argparse.Namespace) -> Iterator[Source]:
    """The model as what the formats are made of; its SavedModel is gone afterwards."""
    model = named(classifier.model)
    calibration = None
    if args.quantise:
        images = calibration_images(args.dataset, classifier)
        calibration = lambda: cli.progress(images.read(), "calibrating", images.n)  # noqa: E731
    with tempfile.TemporaryDirectory() as folder:
        model.export(folder, format="tf_saved_model", verbose=False)
        yield Source(model, Path(folder), calibration)


def images_for(name: str, classifier: Classifier, args: argparse.Namespace) -> Images:
    """The images that a format is checked on."""
    count = args.images or (None if name.endswith("_int8") else IMAGES)
    if args.check_folder:
        return folder_images(args.check_folder, classifier, count)
    return dataset_images(args.dataset, classifier, count)


def export(
    name: str,
    source: Source,
    classifier: Classifier,
    images: Images,
    args: argparse.Namespace,
) -> str:
    """Writes one format, checks it and describes it; nothing is left of a failure.

    Returns:
        A line for people.
    """
    quantised = name.endswith("_int8")
    form = FORMATS[name]
    with atomic_folder(args.out / name) as folder:
        path = folder / form.file
        form.write(source, path)
        found = compare(classifier.model, form.open(path), images, f"checking {name}")
        check = dataclasses.asdict(found)
        if quantised:
            require_close_in_the_mean(found, name, args.bound)
            check["bound_of_mean"] = args.bound
        else:
            require_close(found, name)
            check["bound"] = FLOAT_BOUND
        if name == "openvino":
            check["largest_difference_bfloat16"] = None
            if has_bfloat16():
                rough = compare(classifier.model, open_openvino(path, "bf16"), images, "bfloat16")
                check["largest_difference_bfloat16"] = rough.largest_difference
        files = sorted(each for each in folder.rglob("*") if each.is_file())
        size = sum(each.stat().st_size for each in files)
        card = describe(name, classifier, args.model) | {
            "check": check,
            "bytes": size,
            "files": {each.relative_to(folder).as_posix(): sha256_of(each) for each in files},
        }
        write_json(folder / CARD, card)
    return f"{args.out / name}: {size / 1e6:.1f} MB, {in_words(found, quantised)}"


def describe(name: str, classifier: Classifier, models: Path) -> dict:
    """What a person needs to use the file without this project."""
    height, width = classifier.image_size
    decision = models / "decision.json"
    packages = ("tensorflow", "keras", *FORMATS[name].packages)
    return {
        "format": name,
        "model": FORMATS[name].file or ".",
        "input": {
            "name": PIXELS,
            "dtype": "float32",
            "shape": [None, height, width, 3],
            "range": [0, 255],
            "meaning": "batch, height, width, RGB; not normalised: that is inside the model",
            "resize": classifier.resize,
        },
        "output": {
            "name": PROBABILITIES,
            "dtype": "float32",
            "shape": [None, len(classifier.class_names)],
            "range": [0, 1],
            "meaning": "batch, probability of each class, in the order of class_names",
        },
        "class_names": classifier.class_names,
        "image_size": [height, width],
        "decision": read_json(decision) if decision.is_file() else None,
        "kept_float": [*FLOAT_OPS, "all up to the first convolution"]
        if name.endswith("_int8")
        else None,
        "source": {MODEL_FILE: sha256_of(models / "classifier" / MODEL_FILE)},
        "versions": {package: version(package) for package in packages},
    }


def in_words(found: Comparison, quantised: bool) -> str:
    """The comparison in one line."""
    text = (
        f"largest difference {found.largest_difference:.2g} on {found.images} pictures "
        f"({found.source})"
    )
    if not quantised or found.accuracy_keras is None:
        return text
    before, after = found.accuracy_keras, found.accuracy_export
    return (
        f"{text}, {found.mean_difference:.2g} in the mean, accuracy {before:.4f} before and "
        f"{after:.4f} after ({after - before:+.4f})"
    )


if __name__ == "__main__":
    cli.run(main)
