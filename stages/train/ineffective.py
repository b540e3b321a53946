"""Settings without effect in the chosen mode, as sentences for warnings."""

from common.schema import Model, Train
from networks.maps import caches_maps, pretrained
from stages.train.linear_start import possible_model
from stages.train.optimizers import OPTIMIZERS


def ineffective_settings(model: Model, train: Train, views: int) -> list[str]:
    """One sentence for each setting that has no effect beside the others.

    Only of what was set on purpose: a parameter that params.yaml describes as "of cosine" and
    that stands at a neutral value is not mentioned.

    Args:
        model: the section of params.yaml.
        train: likewise.
        views: the parameter augment.views.
    """
    sentences = []
    frozen, cached = model.trainable == "none", caches_maps(model.trainable, model.weights)
    if model.attention == "pool" and model.head.pooling != "avg":
        sentences.append("model.head.pooling has no effect with model.attention: pool")
    if train.rise_epochs and train.schedule != "cosine":
        sentences.append(f"train.rise_epochs has no effect with schedule: {train.schedule}")
    if train.weight_decay and not OPTIMIZERS[train.optimizer].decays:
        sentences.append(
            f"train.weight_decay has no effect with optimizer: {train.optimizer}; adamw has it"
        )
    if train.schedule == "plateau" and train.plateau_patience >= train.patience:
        sentences.append(
            f"train.plateau_patience: {train.plateau_patience} has no effect with "
            f"train.patience: {train.patience}, which ends the training first"
        )
    if possible_model(model) != model:
        sentences.append(
            "the head begins with random weights and batch normalisation: model.head.start: linear "
            "and model.head.norm: standardise need cached maps, and a tuned backbone has them with "
            "pretrained weights alone"
        )
    if frozen:
        of_tuning = {
            "train.warmup_epochs": train.warmup_epochs,
            "train.tuning_rate": train.tuning_rate,
            "train.depth_decay": train.depth_decay if train.depth_decay != 1 else None,
        }
        sentences += [
            f"{name} has no effect with model.trainable: none, which tunes no backbone"
            for name, value in of_tuning.items()
            if value is not None
        ]
        if not pretrained(model.weights):
            sentences.append(
                "model.trainable: none freezes a backbone of random weights (model.weights: "
                f"{model.weights}), which hardly tells images apart"
            )
        return sentences
    warms_up = cached and train.warmup_epochs != 0
    if train.warmup_epochs and not cached:
        sentences.append(
            "train.warmup_epochs has no effect: it trains the head on maps of pretrained weights, "
            f"and model.weights is {model.weights}"
        )
    if views > 1 and not warms_up:
        sentences.append(
            f"augment.views: {views} has no effect without cached maps: each step draws new views"
        )
    if train.tuning_rate is not None and not warms_up:
        sentences.append(
            "train.learning_rate has no effect without a warm-up of the head; train.tuning_rate has"
        )
    return sentences
