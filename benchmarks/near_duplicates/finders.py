"""Finders of near copies: this project's search and other tools, with one interface."""

import io
import tempfile
import time
from importlib import import_module
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.near_duplicates.planted import decode
from common.cli import parallel_map
from common.params import read_params
from stages.clean.duplicates.fingerprints import fingerprint
from stages.clean.duplicates.groups import find_groups

PARAMS = Path(__file__).parents[2] / "params.yaml"
SETTINGS = {"hash_distance", "correlation", "correlation_loose", "agreement"}  # of clean


def search_settings() -> dict:
    """The thresholds of the search as params.yaml has them, by the names of `find_groups`."""
    return read_params(PARAMS).clean.model_dump(include=SETTINGS)


def our_pairs(contents: list[bytes]) -> tuple[set[tuple[int, int]], dict[str, float]]:
    """Pairs of positions that `find_groups` puts together, and seconds by step."""
    start = time.perf_counter()
    images = list(parallel_map(decode, contents))
    decoded = time.perf_counter()
    prints = list(parallel_map(fingerprint, images))
    printed = time.perf_counter()
    groups = find_groups(
        np.array([p.phash for p in prints], np.uint64),
        np.array([p.mirror for p in prints], np.uint64),
        np.stack([p.thumb for p in prints]),
        **search_settings(),
    )
    seconds = {
        "decode": decoded - start,
        "fingerprint": printed - decoded,
        "group": time.perf_counter() - printed,
    }
    return pairs_within(groups), seconds


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
    copies_of = hasher.find_duplicates(image_dir=str(folder))
    return {tuple(sorted((name, copy))) for name, copies in copies_of.items() for copy in copies}


OTHER_TOOLS = {"cleanvision": cleanvision_pairs, "imagededup": imagededup_pairs}


def other_pairs(tool: str, contents: list[bytes]) -> tuple[set[tuple[int, int]], float] | None:
    """Pairs of positions that a tool of OTHER_TOOLS finds, and its seconds; None: not installed."""
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
        pairs = OTHER_TOOLS[tool](Path(folder))
        seconds = time.perf_counter() - start
    return {tuple(sorted((names[a], names[b]))) for a, b in pairs}, seconds
