"""What many write by hand in a notebook: a frozen network in the training loop, with Keras alone.

    python -m benchmarks.notebook FOLDER SIDE

FOLDER has train, val and test with a folder of each class. Augmentation layers, class weights, ten
epochs at most, early stopping; prints test accuracy and loss as JSON. The network is that of the
pipeline's default, with the same weights.
"""

import json
import sys

import keras
import numpy as np
from keras import layers

from networks.backbones.build import build_backbone


def main(folder: str, side: int) -> None:
    """Trains, tests and prints."""
    keras.utils.set_random_seed(1)
    options = {"image_size": (side, side), "batch_size": 32, "label_mode": "categorical"}
    train, val, test = (
        keras.utils.image_dataset_from_directory(
            f"{folder}/{name}", shuffle=name == "train", verbose=False, **options
        )
        for name in ("train", "val", "test")
    )
    n_classes = len(train.class_names)
    counts = np.sum([labels.numpy().sum(axis=0) for _, labels in train], axis=0)
    weights = {index: counts.sum() / n_classes / count for index, count in enumerate(counts)}
    backbone = build_backbone("efficientnet_lite0", (side, side), "imagenet")
    backbone.trainable = False
    model = keras.Sequential(
        [
            keras.Input((side, side, 3)),
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.03),
            layers.RandomTranslation(0.08, 0.08),
            layers.RandomZoom(0.12),
            layers.RandomBrightness(0.1),
            layers.RandomContrast(0.15),
            backbone,
            layers.GlobalAveragePooling2D(),
            layers.Dropout(0.4),
            layers.Dense(n_classes, "softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    stop = keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)
    model.fit(
        train.prefetch(2), validation_data=val, epochs=10, class_weight=weights, callbacks=[stop]
    )
    loss, accuracy = model.evaluate(test, verbose=0)
    print(json.dumps({"accuracy": accuracy, "loss": loss}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
