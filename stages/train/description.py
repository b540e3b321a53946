"""Description of a trained model: the content of classifier.json beside its file."""

from common.preprocessing import as_json
from common.schema import Augment, Model, Train
from common.tables.dataset import Dataset


def describe_model(
    train_split: Dataset,
    seed: int,
    augment: Augment,
    model: Model,
    train: Train,
    temperature: float,
) -> dict:
    """All that a reader of the model must know beside it, for `saving.save_classifier`.

    Args:
        train_split: on which it was trained.
        seed: of params.yaml, as the sections that follow.
        augment: section.
        model: section.
        train: section.
        temperature: by which the logits have been divided after training.
    """
    return {
        "class_names": train_split.class_names,
        **as_json(train_split.preprocessing),
        "frozen": model.trainable == "none",
        "temperature": temperature,
        "params": {
            "seed": seed,
            "augment": augment.model_dump(),
            "model": model.model_dump(),
            "train": train.model_dump(),
        },
    }
