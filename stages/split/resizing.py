"""Images of a split on their way into the dataset: decoded, resized and encoded as PNG."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from common import images
from common.cli import parallel_map
from common.errors import StageError
from common.preprocessing import Greys, Preprocessing
from common.schema import Split


def preprocessing_of(split: Split, max_pixels: int, greys: Greys) -> Preprocessing:
    """How the images of a dataset come to their size.

    Args:
        split: the section of params.yaml.
        max_pixels: limit on width x height of a file.
        greys: black and white of the set, as clean found them.
    """
    return Preprocessing(split.image_size, split.resize, max_pixels, greys)


def resized_rows(
    rows: pd.DataFrame, raw: Path, class_names: list[str], preprocessing: Preprocessing
) -> Iterator[dict]:
    """Yields the rows of a split as `write_dataset` takes them, in the order of `rows`.

    Args:
        rows: of the manifest.
        raw: the folder that their paths are relative to.
        class_names: in the order of the label index.
        preprocessing: how a file becomes pixels.

    Raises:
        StageError: a file is not as the clean stage saw it.
    """
    label_of = {name: index for index, name in enumerate(class_names)}

    def resized(row) -> dict:
        try:
            image = images.load_pixels((raw / row.path).read_bytes(), preprocessing)
        except (images.ImageError, OSError) as error:
            raise StageError(
                f"Expected {raw / row.path} as the clean stage saw it. Received: {error}. The "
                "raw files were changed; run `dvc repro clean`."
            ) from None
        return {
            "png": images.encode_png(image),
            "path": row.path,
            "image_id": row.image_id,
            "label": label_of[row.label],
            "group": row.group,
        }

    return parallel_map(resized, rows.itertuples())
