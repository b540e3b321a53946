"""The built-in sample: a small, imbalanced, faulty image set, made on the spot from a seed.

It is semi-synthetic. The photographs are real; they ship inside scikit-learn and scikit-image,
so nothing is downloaded. The advertisements are composed: crops of those photographs with drawn
banners, prices, buttons and logos. The other class has crops of the same photographs, plain or
with captions, date stamps and watermarks, so neither the content nor the mere presence of text
decides. Results on it say that a pipeline works, not how well it would do on scraped images.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from stages.download.sample.advertisements import advertisement
from stages.download.sample.encoding import encode_varied
from stages.download.sample.numbered_files import NumberedFiles
from stages.download.sample.other_images import other_image
from stages.download.sample.photographs import Studio
from stages.download.sample.planted import KEPT, plant_broken, plant_copies, plant_odd

ADVERTISING, OTHER = 360, 60  # distinct images, before the planted faults


def write_sample(
    folder: Path, seed: int, progress: Callable[[Iterable], Iterable] = iter
) -> dict[str, object]:
    """Writes `folder/advertising` and `folder/other`; the same seed gives the same bytes.

    Args:
        folder: created if missing; nothing outside its two subfolders is written.
        seed: any non-negative integer.
        progress: wraps the sequence of images to draw, e.g. in a progress bar.

    Returns:
        advertising, other: number of files in each folder, the planted ones included.
        planted: number of files planted per reason, the odd but good ones left out.
        files: every planted file, as a tuple of `Planted`.
    """
    rng = np.random.default_rng(seed)
    studio = Studio(rng)
    files = NumberedFiles(folder)
    originals: dict[str, list[str]] = {"advertising": [], "other": []}
    for is_advertising in progress(rng.permutation(ADVERTISING + OTHER) < ADVERTISING):
        label = "advertising" if is_advertising else "other"
        image = (advertisement if is_advertising else other_image)(rng, studio.shoot)
        path = files.add(label, *encode_varied(rng, image))
        if path.endswith(".jpg"):
            originals[label].append(path)
    # Copies come from images drawn at random and are numbered after them.
    for label, paths in originals.items():
        originals[label] = [paths[index] for index in rng.permutation(len(paths))]
    planted = [
        *plant_copies(files, originals),
        *plant_broken(files, rng, studio.shoot),
        *plant_odd(files, rng, studio.shoot),
    ]
    reasons = Counter(file.reason for file in planted if file.reason != KEPT)
    return {**files.counts, "planted": dict(sorted(reasons.items())), "files": tuple(planted)}
