"""The trained model in other formats, each checked against the Keras model on real images.

    python -m app.export --format savedmodel onnx tflite openvino
    python -m app.export --format tflite --quantise int8

Writes a folder per format into --out (int8: tflite_int8), with the model and `export.json`, which
tells how to feed it. An export whose probabilities differ from the Keras model's by more than
0.001 is refused; a quantised one by more than --bound in the mean.
"""

import argparse
import contextlib
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

from app.export.card import CARD_FILE, check_fields, describe, file_fields, in_words
from app.export.comparison import (
    FLOAT_BOUND,
    compare,
    require_close,
    require_close_in_the_mean,
)
from app.export.formats import FORMATS, Source, named, require_packages
from app.export.options import IMAGES, parse, requested_formats
from app.export.samples import Samples, calibration_samples, dataset_samples, folder_samples
from app.predictor import MODEL_FOLDER
from common import cli
from common.files import atomic_folder, write_json
from networks.classifier import Classifier, load_classifier


def main(argv: list[str] | None = None) -> None:
    """Exports; see the module."""
    options = parse(argv, __doc__)
    # Freezing for ONNX warns a dozen times that it will be removed from TensorFlow some day.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    names = requested_formats(options)
    require_packages(names)
    classifier = load_classifier(options.model / MODEL_FOLDER)
    samples = {name: samples_for(name, classifier, options) for name in names}  # fails early
    with source_of(classifier, options) as source:
        for name in names:
            print(export(name, source, classifier, samples[name], options), flush=True)
    cli.summary("export", f"{len(names)} in {options.out}: {', '.join(names)}")


def samples_for(name: str, classifier: Classifier, options: argparse.Namespace) -> Samples:
    """The images on which a format is compared."""
    count = options.images or (None if FORMATS[name].quantised else IMAGES)
    if options.check_folder:
        return folder_samples(options.check_folder, classifier, count)
    return dataset_samples(options.dataset, classifier, count)


@contextlib.contextmanager
def source_of(classifier: Classifier, options: argparse.Namespace) -> Iterator[Source]:
    """The model as the formats need it; its temporary SavedModel is removed afterwards."""
    model = named(classifier.model)
    calibration = None
    if options.quantise:
        samples = calibration_samples(options.dataset, classifier)
        calibration = lambda: cli.progress(samples.read(), "calibrating", samples.n)  # noqa: E731
    with tempfile.TemporaryDirectory() as folder:
        model.export(folder, format="tf_saved_model", verbose=False)
        yield Source(model, Path(folder), calibration)


def export(
    name: str,
    source: Source,
    classifier: Classifier,
    samples: Samples,
    options: argparse.Namespace,
) -> str:
    """Writes one format, checks it and describes it; a failure leaves no files.

    Returns:
        A line for people.
    """
    form = FORMATS[name]
    with atomic_folder(options.out / name) as folder:
        path = folder / form.file
        form.write(source, path)
        comparison = compare(classifier.model, form.open(path), samples, f"checking {name}")
        check = check_fields(comparison)
        if form.quantised:
            require_close_in_the_mean(comparison, name, options.bound)
            check["bound_of_mean"] = options.bound
        else:
            require_close(comparison, name)
            check["bound"] = FLOAT_BOUND
        if form.open_bfloat16:
            ask = form.open_bfloat16(path)
            rough = ask and compare(classifier.model, ask, samples, "bfloat16")
            check["largest_difference_bfloat16"] = rough and rough.largest_difference
        files = file_fields(folder)
        card = describe(name, classifier, options.model) | {"check": check} | files
        write_json(folder / CARD_FILE, card)
    words = in_words(comparison, form.quantised)
    return f"{options.out / name}: {files['bytes'] / 1e6:.1f} MB, {words}"


if __name__ == "__main__":
    cli.run(main)
