"""Top-1 and top-5 accuracy of an EfficientNet-Lite on ImageNet images named by class.

Shows that a backbone's weights were read right: a wrong padding, stride or channel order costs
points here long before it shows on a task of one's own.

    python -m benchmarks.imagenet_top1 FOLDER [--backbone efficientnet_lite0] [--classes FILE]

FOLDER holds one folder per class, named by WordNet id (n01440764), class index (0) or class name
(tench), or files that begin with the WordNet id (n01440764_tench.JPEG). Measured on 1,000
ImageNet photographs, one per class: top-1 0.888 / 0.901 / 0.905 for Lite 0 / 1 / 2.
"""

import argparse
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
from PIL import Image, UnidentifiedImageError

from common.cli import progress, run
from common.errors import StageError
from networks.backbones.efficientnet_lite import VARIANTS, build_efficientnet_lite
from networks.backbones.efficientnet_lite_network import N_CLASSES

SUFFIXES = {".jpeg", ".jpg", ".png", ".webp", ".bmp"}
FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
WORDNET_ID = re.compile(r"n\d{8}")
CROP = 0.875  # share of the resized short side that the centre crop keeps, as in training
CLASSES_URL = (
    "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"
)
CLASSES_MD5 = "c2c37ea517e94d9795004a39431a14cb"


def find_images(folder: Path) -> list[tuple[Path, str]]:
    """Every image with the name of its class: its folder's, or the id its file begins with.

    Raises:
        StageError: no folder, no images, or an image without a class.
    """
    if not folder.is_dir():
        raise StageError(f"Expected a folder of ImageNet images. Received: no folder {folder}.")
    images = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
            continue
        prefix = WORDNET_ID.match(path.name)
        if path.parent != folder:
            images.append((path, path.relative_to(folder).parts[-2]))
        elif prefix:
            images.append((path, prefix.group()))
        else:
            raise StageError(
                f"Expected the class of {path} in its name (n01440764_tench.JPEG) or in that of "
                "its folder. Received: neither. Sort the images into one folder per class."
            )
    if not images:
        raise StageError(
            f"Expected images ({', '.join(sorted(SUFFIXES))}) under {folder}. Received: none."
        )
    return images


def class_numbers(names: set[str], classes: Path | None) -> dict[str, int]:
    """The class index, 0 to 999, of every class name that occurs.

    Args:
        names: WordNet ids, indices as digits, or names such as `tench`.
        classes: an `imagenet_class_index.json`; None does without one where the names suffice
            (indices, or all 1,000 ids, whose sorted order is the index) and else fetches it.

    Raises:
        StageError: a name is unknown or the index cannot be had.
    """
    if all(name.isdecimal() and int(name) < N_CLASSES for name in names):
        return {name: int(name) for name in names}
    if classes is None and len(names) == N_CLASSES and all(map(WORDNET_ID.fullmatch, names)):
        return {name: number for number, name in enumerate(sorted(names))}
    index = read_classes(classes or download_classes())
    unknown = sorted(name for name in names if plain(name) not in index)
    if unknown:
        raise StageError(
            "Expected classes by WordNet id, index or ImageNet name. Received: "
            f"{len(unknown)} unknown, first {', '.join(unknown[:5])}. Rename their folders."
        )
    twice = sorted(name for name in names if index[plain(name)] is None)
    if twice:
        raise StageError(
            f"Expected one class per name. Received: {', '.join(twice)}, which ImageNet gives to "
            "two classes. Use their WordNet ids."
        )
    return {name: index[plain(name)] for name in names}


def plain(name: str) -> str:
    """A class name in lower case, its words joined by underscores."""
    return re.sub(r"[\s_-]+", "_", name.strip().lower())


def read_classes(path: Path) -> dict[str, int | None]:
    """Reads `{"0": ["n01440764", "tench"], …}`; ids and names to index, None where ambiguous."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        rows = [(int(number), *entry) for number, entry in content.items()]
        index = {wordnet_id: number for number, wordnet_id, _ in rows}
        for number, _, name in rows:
            index[plain(name)] = None if plain(name) in index else number
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise StageError(
            f'Expected {path} to hold {{"0": ["n01440764", "tench"], …}}. Received: {error}. '
            f"Take the file from {CLASSES_URL}."
        ) from error
    if sorted(number for number, *_ in rows) != list(range(N_CLASSES)):
        raise StageError(
            f"Expected {N_CLASSES} classes, 0 to {N_CLASSES - 1}, in {path}. "
            f"Received: {len(rows)}. Take the file from {CLASSES_URL}."
        )
    return index


def download_classes() -> Path:
    """Keras's own class list, from its cache or its host."""
    try:
        return Path(
            keras.utils.get_file(
                "imagenet_class_index.json",
                CLASSES_URL,
                cache_subdir="models",
                file_hash=CLASSES_MD5,
            )
        )
    # Keras raises a plain Exception where the host cannot be reached.
    except Exception as error:
        raise StageError(
            f"Expected the list of ImageNet's classes from {CLASSES_URL}. Received: {error}. "
            "Fetch it elsewhere and name it with --classes FILE, or name the folders by class "
            "index, or give all 1,000 WordNet folders."
        ) from error


def read_image(path: Path, side: int) -> np.ndarray:
    """Resizes the short side to side / CROP, bicubic, and cuts out the centre.

    Returns:
        uint8 (side, side, 3), RGB.
    """
    try:
        with Image.open(path, formats=FORMATS) as opened:
            image = opened.convert("RGB")
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError) as error:
        raise StageError(
            f"Expected an image ({', '.join(FORMATS)}) at {path}. Received: {error}. Remove it."
        ) from error
    factor = side / CROP / min(image.size)
    width, height = (max(side, round(length * factor)) for length in image.size)
    image = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - side) // 2, (height - side) // 2
    return np.asarray(image.crop((left, top, left + side, top + side)))


def batches(paths: list[Path], side: int, size: int) -> Iterator[tuple[np.ndarray, int]]:
    """Yields batches of one shape, the last padded with zeros.

    Yields:
        float32 (size, side, side, 3), RGB from 0 to 255, and how many of them are images.
    """
    for start in range(0, len(paths), size):
        in_batch = paths[start : start + size]
        batch = np.zeros((size, side, side, 3), "float32")
        for row, path in enumerate(in_batch):
            batch[row] = read_image(path, side)
        yield batch, len(in_batch)


def top_k_hits(probabilities: np.ndarray, labels: np.ndarray, k: int) -> int:
    """How many rows have their label among the k most probable classes."""
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    return int((best == labels[:, None]).any(axis=1).sum())


def main(argv: list[str] | None = None) -> None:
    """Prints top-1 and top-5 with counts, and the speed of the network alone."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--backbone", choices=sorted(VARIANTS), default="efficientnet_lite0")
    parser.add_argument("--classes", type=Path, help="an imagenet_class_index.json")
    parser.add_argument("--batch-size", type=int, default=32)
    options = parser.parse_args(argv)
    images = find_images(options.folder)
    numbers = class_numbers({name for _, name in images}, options.classes)
    labels = np.array([numbers[name] for _, name in images])

    side = VARIANTS[options.backbone].size
    model = build_efficientnet_lite(options.backbone, (side, side), include_top=True)
    size = max(1, min(options.batch_size, len(images)))
    model.predict_on_batch(np.zeros((size, side, side, 3), "float32"))  # traces, outside the clock
    seconds, predicted = 0.0, []
    paths = [path for path, _ in images]
    total = -(-len(paths) // size)
    for batch, count in progress(batches(paths, side, size), "predict", total, "batch"):
        start = time.perf_counter()
        probabilities = model.predict_on_batch(batch)
        seconds += time.perf_counter() - start
        predicted.append(probabilities[:count])
    probabilities = np.concatenate(predicted)
    assert len(probabilities) == len(labels)
    for k in (1, 5):
        hits = top_k_hits(probabilities, labels, k)
        print(f"top-{k}: {hits / len(labels):.3f} ({hits} of {len(labels)})")
    print(
        f"{options.backbone} at {side} px: {total * size / seconds:.0f} images/s "
        f"({len(set(labels.tolist()))} classes)"
    )


if __name__ == "__main__":
    run(main)
