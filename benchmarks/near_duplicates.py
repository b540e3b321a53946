"""Near-duplicate search against planted copies, beside the common tools, and its scaling.

    python -m benchmarks.near_duplicates FOLDER [--planted 602] [--seed 0] [--show DIR]
    python -m benchmarks.near_duplicates --scale 100000

The first form adds copies of known kinds to the images of any folder and prints how many are
found. FOLDER may hold copies of its own: pairs found that were not planted are counted against
the precision, and --show draws them side by side for a person to judge. The second form prints
the time of the whole search on N synthetic images, a tenth of them near copies, and that of the
hash search for N hashes as a share of comparing all pairs in the same run.
"""

import argparse
import io
import random
import tempfile
import time
from collections import Counter
from importlib import import_module
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from common.cli import parallel_map
from common.params import read_params
from stages.clean.duplicates.fingerprints import fingerprint
from stages.clean.duplicates.groups import find_groups
from stages.clean.duplicates.hash_search import near_pairs

NAMES = {"hash_distance", "correlation", "correlation_loose", "agreement"}
SETTINGS = read_params(Path(__file__).parent.parent / "params.yaml").clean.model_dump(include=NAMES)


# ------------------------------------------------------------------------------ planted copies


def half_size(image: Image.Image) -> Image.Image:
    """Half the width and height."""
    return image.resize((max(1, image.width // 2), max(1, image.height // 2)))


def crop(image: Image.Image) -> Image.Image:
    """Without 5 % of the width on the left and right and of the height above and below."""
    across, down = round(image.width * 0.05), round(image.height * 0.05)
    return image.crop((across, down, image.width - across, image.height - down))


def brighter(image: Image.Image) -> Image.Image:
    """20 % brighter, bright parts clipped."""
    return ImageEnhance.Brightness(image).enhance(1.2)


def stamp(image: Image.Image) -> Image.Image:
    """With white text, edged in black, in the lower left."""
    stamped = image.copy()
    ImageDraw.Draw(stamped).text(
        (image.width * 0.05, image.height * 0.85),
        "shop-24.example",
        fill="white",
        stroke_fill="black",
        stroke_width=1,
        font_size=max(8, image.width // 12),
    )
    return stamped


# How each kind changes the image, and the JPEG quality that it is saved with.
KINDS = {
    "exact": (None, None),
    "quality 50": (lambda image: image, 50),
    "half size": (half_size, 90),
    "crop 5 %": (crop, 90),
    "mirror": (ImageOps.mirror, 90),
    "brighter": (brighter, 90),
    "stamp": (stamp, 90),
}


def plant(content: bytes, kind: str) -> bytes:
    """A copy, as the bytes of a file, of the image whose file has the bytes `content`."""
    change, quality = KINDS[kind]
    if change is None:
        return content
    buffer = io.BytesIO()
    change(decode(content)).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def decode(content: bytes) -> Image.Image:
    """RGB image, upright."""
    with Image.open(io.BytesIO(content)) as image:
        return ImageOps.exif_transpose(image).convert("RGB")


def read_folder(folder: Path) -> dict[str, bytes]:
    """Bytes of each image by its path; files that are not whole images are left out."""
    contents = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        try:
            decode(content)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            continue
        contents[path.relative_to(folder).as_posix()] = content
    return contents


# ------------------------------------------------------------------------------ finders


def our_pairs(contents: list[bytes]) -> tuple[set[tuple[int, int]], dict[str, float]]:
    """Pairs of positions that `find_groups` puts together, and seconds by step."""
    start = time.perf_counter()
    images = list(parallel_map(decode, contents))
    decoded = time.perf_counter()
    prints = list(parallel_map(fingerprint, images))
    printed = time.perf_counter()
    labels = find_groups(
        np.array([each.phash for each in prints], np.uint64),
        np.array([each.mirror for each in prints], np.uint64),
        np.stack([each.thumb for each in prints]),
        **SETTINGS,
    )
    seconds = {
        "decode": decoded - start,
        "fingerprint": printed - decoded,
        "group": time.perf_counter() - printed,
    }
    return pairs_within(labels), seconds


def pairs_within(labels: np.ndarray) -> set[tuple[int, int]]:
    """Pairs of positions with equal labels, the lower first."""
    groups = {}
    for position, label in enumerate(labels.tolist()):
        groups.setdefault(label, []).append(position)
    return {pair for group in groups.values() for pair in combinations(group, 2)}


def cleanvision_pairs(folder: Path) -> set[tuple[str, str]]:
    """Pairs of file names that cleanvision calls exact or near duplicates."""
    lab = import_module("cleanvision").Imagelab(data_path=str(folder))
    lab.find_issues({"exact_duplicates": {}, "near_duplicates": {}}, verbose=False)
    groups = lab.info["exact_duplicates"]["sets"] + lab.info["near_duplicates"]["sets"]
    names = [sorted(Path(path).name for path in group) for group in groups]
    return {pair for group in names for pair in combinations(group, 2)}


def imagededup_pairs(folder: Path) -> set[tuple[str, str]]:
    """Pairs of file names that imagededup's perceptual hash calls duplicates, as it is set."""
    hasher = import_module("imagededup.methods").PHash(verbose=False)
    found = hasher.find_duplicates(image_dir=str(folder))
    return {tuple(sorted((name, other))) for name, others in found.items() for other in others}


OTHERS = {"cleanvision": cleanvision_pairs, "imagededup": imagededup_pairs}


def other_pairs(tool: str, contents: list[bytes]):
    """Pairs of positions that another tool finds and its seconds; None where not installed."""
    try:
        import_module(tool)
    except ImportError:
        return None
    with tempfile.TemporaryDirectory() as folder:
        names = {}
        for position, content in enumerate(contents):
            suffix = Image.open(io.BytesIO(content)).format.lower()
            names[f"{position:06d}.{suffix}"] = position
            (Path(folder) / f"{position:06d}.{suffix}").write_bytes(content)
        start = time.perf_counter()
        pairs = OTHERS[tool](Path(folder))
        seconds = time.perf_counter() - start
    return {tuple(sorted((names[a], names[b]))) for a, b in pairs}, seconds


# ------------------------------------------------------------------------------ reports


def report_planted(folder: Path, planted: int, seed: int, show: Path | None) -> None:
    """Prints recall, precision and time on `folder` with `planted` copies added."""
    originals = read_folder(folder)
    names, contents = list(originals), list(originals.values())
    chosen = random.Random(seed).sample(range(len(names)), min(planted, len(names)))
    kinds = [list(KINDS)[k % len(KINDS)] for k in range(len(chosen))]
    truth = {(original, len(names) + k): kinds[k] for k, original in enumerate(chosen)}
    origin = [*range(len(names)), *chosen]
    contents += [
        plant(contents[original], kind) for original, kind in zip(chosen, kinds, strict=True)
    ]
    names += [f"{kind} of {names[original]}" for original, kind in zip(chosen, kinds, strict=True)]
    print(f"{len(originals)} pictures, {len(chosen)} planted copies")

    found, seconds = our_pairs(contents)
    print_scores("this project", found, truth, origin, sum(seconds.values()))
    print("  " + ", ".join(f"{step} {value:.2f} s" for step, value in seconds.items()))
    hits = Counter(kind for pair, kind in truth.items() if pair in found)
    total = Counter(kinds)
    print("  recall: " + ", ".join(f"{kind} {hits[kind] / total[kind]:.3f}" for kind in total))
    if show is not None:
        draw_pairs(contents, names, sorted(strangers(found, origin)), show)
    for tool in OTHERS:
        result = other_pairs(tool, contents)
        if result is None:
            print(f"{tool}: not installed")
        else:
            print_scores(tool, result[0], truth, origin, result[1])


def strangers(found: set, origin: list[int]) -> set[tuple[int, int]]:
    """Pairs of different originals that were found, themselves or by a copy of either."""
    pairs = {tuple(sorted((origin[a], origin[b]))) for a, b in found}
    return {pair for pair in pairs if pair[0] != pair[1]}


def print_scores(tool: str, found: set, truth: dict, origin: list[int], seconds: float) -> None:
    """Prints one line for one tool."""
    right, other = len(found & truth.keys()), len(strangers(found, origin))
    precision = f"{right / (right + other):.3f}" if right + other else "none"
    print(
        f"{tool}: recall {right / max(1, len(truth)):.3f}, precision {precision}, "
        f"{other} pairs not planted, {seconds:.1f} s"
    )


def draw_pairs(contents: list[bytes], names: list[str], pairs: list, folder: Path) -> None:
    """Writes one PNG a pair, the two images side by side, at most 200 of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, pair in enumerate(pairs[:200]):
        sheet = Image.new("RGB", (610, 300))
        for place, position in enumerate(pair):
            sheet.paste(ImageOps.contain(decode(contents[position]), (300, 300)), (place * 310, 0))
        sheet.save(folder / f"{number:04d}.png")
        print(f"  {number:04d}.png: {names[pair[0]]} | {names[pair[1]]}")


def brute_force(queries: np.ndarray, base: np.ndarray, distance: int) -> int:
    """Number of pairs within `distance`, by comparing all of them in blocks that fit the cache."""
    count = 0
    for start in range(0, len(base), 4096):
        block = base[start : start + 4096]
        for query in range(0, len(queries), 8):
            differing = np.bitwise_count(queries[query : query + 8, None] ^ block)
            count += int(np.count_nonzero(differing <= distance))
    return count


def synthetic(number: int, seed: int) -> Image.Image:
    """An image of soft shapes and fine grain, unlike that of any other number."""
    rng = np.random.default_rng([seed, number])
    coarse = Image.fromarray(rng.integers(0, 256, (9, 9), np.uint8))
    shapes = np.asarray(coarse.resize((96, 96), Image.Resampling.BICUBIC), np.int16)
    grain = np.repeat(np.repeat(rng.integers(-40, 41, (48, 48)), 2, 0), 2, 1)
    return Image.fromarray(np.clip(shapes + grain, 0, 255).astype(np.uint8)).convert("RGB")


def report_whole_search(n: int, seed: int) -> None:
    """Prints the time and the recall of `find_groups` on n images, every tenth a near copy."""

    def mark(number: int):
        if number % 10:
            return fingerprint(synthetic(number, seed))
        return fingerprint(ImageOps.mirror(brighter(synthetic(number + 1, seed))))

    start = time.perf_counter()
    marks = list(parallel_map(mark, range(n)))
    drawn = time.perf_counter()
    labels = find_groups(
        np.array([m.phash for m in marks]),
        np.array([m.mirror for m in marks]),
        np.stack([m.thumb for m in marks]),
        **SETTINGS,
    )
    grouped = time.perf_counter()
    copies = np.arange(0, n - 1, 10)
    found = np.mean(labels[copies] == labels[copies + 1])
    extra = n - len(np.unique(labels)) - int(found * len(copies))
    print(
        f"{n} pictures, {len(copies)} of them near copies: drawn and fingerprinted in "
        f"{drawn - start:.1f} s, grouped in {grouped - drawn:.1f} s; recall {found:.3f}, "
        f"{extra} others joined"
    )


def report_hash_search(n: int, seed: int) -> None:
    """Prints the time of the hash search for n hashes, half random and half near another."""
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 1 << 64, n, dtype=np.uint64)
    near = rng.integers(0, n // 2, n - n // 2)
    hashes[n // 2 :] = hashes[near]
    for _ in range(8):
        hashes[n // 2 :] ^= np.uint64(1) << rng.integers(0, 64, len(near), dtype=np.uint64)
    others = rng.permutation(hashes)
    distance = SETTINGS["hash_distance"]

    start = time.perf_counter()
    among = len(near_pairs(hashes, None, distance)[0])
    searched = time.perf_counter()
    across = len(near_pairs(hashes, others, distance)[0])
    crossed = time.perf_counter()
    every = brute_force(hashes, others, distance)
    compared = time.perf_counter()
    assert every == across == 2 * among + n, (every, across, among)
    full = compared - crossed
    print(
        f"{n} hashes within {distance} bits: {searched - start:.2f} s among themselves "
        f"({among} pairs), {crossed - searched:.2f} s against as many others ({across} pairs); "
        f"all pairs compared {full:.2f} s; search / all pairs = {(crossed - searched) / full:.3f}"
    )


def main(argv: list[str] | None = None) -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", help="any folder of pictures")
    parser.add_argument("--planted", type=int, default=602, help="number of copies")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", type=Path, metavar="DIR", help="draw pairs not planted here")
    parser.add_argument("--scale", type=int, metavar="N", help="time the search among N pictures")
    arguments = parser.parse_args(argv)
    if arguments.folder is None and arguments.scale is None:
        parser.error("Expected FOLDER or --scale. Received: neither")
    if arguments.folder is not None:
        report_planted(arguments.folder, arguments.planted, arguments.seed, arguments.show)
    if arguments.scale is not None:
        report_whole_search(arguments.scale, arguments.seed)
        report_hash_search(arguments.scale, arguments.seed)


if __name__ == "__main__":
    main()
