"""Settings that were asked for and have no effect in the chosen mode: said, never hidden."""

from common.schema import Model, Train
from networks.maps import caches_maps, pretrained


def idle_settings(model: Model, train: Train, views: int) -> list[str]:
    """What has no effect, a sentence each, for the warnings of the train stage.

    Only of what was set on purpose: a parameter that params.yaml describes as "of cosine" and
    that stands at a neutral value is not worth a word.
    """
    found = []
    frozen, cached = model.trainable == "none", caches_maps(model.trainable, model.weights)
    if model.attention == "pool" and model.head.pooling != "avg":
        found.append("model.head.pooling has no effect with model.attention: pool")
    if train.rise_epochs and train.schedule != "cosine":
        found.append(f"train.rise_epochs has no effect with schedule: {train.schedule}")
    if train.weight_decay and train.optimizer == "adam":
        found.append("train.weight_decay has no effect with optimizer: adam; adamw has it")
    if train.schedule == "plateau" and train.plateau_patience >= train.patience:
        found.append(
            f"train.plateau_patience: {train.plateau_patience} has no effect with "
            f"train.patience: {train.patience}, which ends the training first"
        )
    if frozen:
        of_tuning = {
            "train.warmup_epochs": train.warmup_epochs,
            "train.tuning_rate": train.tuning_rate,
            "train.depth_decay": train.depth_decay if train.depth_decay != 1 else None,
        }
        found += [
            f"{name} has no effect with model.trainable: none, which tunes no backbone"
            for name, value in of_tuning.items()
            if value is not None
        ]
        if not pretrained(model.weights):
            found.append(
                "model.trainable: none freezes a backbone of random weights (model.weights: "
                f"{model.weights}), which hardly tells pictures apart"
            )
        return found
    warms_up = cached and train.warmup_epochs != 0
    if train.warmup_epochs and not cached:
        found.append(
            "train.warmup_epochs has no effect: it trains the head on maps of pretrained weights, "
            f"and model.weights is {model.weights}"
        )
    if views > 1 and not warms_up:
        found.append(
            f"augment.views: {views} has no effect without cached maps: each step draws new views"
        )
    if train.tuning_rate is not None and not warms_up:
        found.append(
            "train.learning_rate has no effect without a warm-up of the head; train.tuning_rate has"
        )
    return found
