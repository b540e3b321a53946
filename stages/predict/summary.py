"""The numbers of metrics/predict.json, and the words of the closing line."""

from common.tables.dataset import PREDICTED_SPLITS


def metrics_of(sizes: dict[str, int], embedding_size: int) -> dict:
    """How many images were predicted, by split, and the length of an embedding.

    Args:
        sizes: number of images of each split.
        embedding_size: channels.
    """
    return {
        "pictures": {name: sizes[name] for name in PREDICTED_SPLITS},
        "embedding_size": embedding_size,
    }


def summary_of(sizes: dict[str, int]) -> str:
    """How many images were predicted and embedded, for the terminal."""
    predicted = " and ".join(f"{sizes[name]:,} of {name}" for name in PREDICTED_SPLITS)
    return f"{predicted} predicted; {sizes['train']:,} of train embedded, too"
