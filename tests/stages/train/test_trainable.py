"""The weights that training changes, by the known names of the layers."""

import keras
import numpy as np
import pytest

from common.errors import StageError
from networks.backbones.build import build_backbone
from networks.blocks import blocks_of, networks_of
from stages.train.trainable import set_trainable
from tests.helpers.network_maps import layers_of, photographs, randomise

SMALL = (64, 64)


def trained(backbone: keras.Model) -> set[str]:
    return {weight.path for weight in backbone.trainable_weights}


class TestSetTrainable:
    @pytest.fixture(scope="class")
    def mobilenet(self):
        return build_backbone("mobilenet", SMALL, "none")

    def test_none(self, mobilenet):
        set_trainable(mobilenet, "none", "imagenet")
        assert trained(mobilenet) == set()

    def test_last_blocks_with_pretrained_weights(self, mobilenet):
        set_trainable(mobilenet, 1, "imagenet")
        assert trained(mobilenet) == {
            *("conv_dw_12/kernel", "conv_pw_12/kernel", "conv_dw_13/kernel", "conv_pw_13/kernel"),
        }

    def test_last_blocks_from_random_weights(self, mobilenet):
        set_trainable(mobilenet, 1, "none")
        norms = [f"conv_{kind}_{n}_bn" for kind in ("dw", "pw") for n in (12, 13)]
        kernels = {f"conv_{kind}_{n}/kernel" for kind in ("dw", "pw") for n in (12, 13)}
        expected = kernels | {f"{norm}/{part}" for norm in norms for part in ("gamma", "beta")}
        assert trained(mobilenet) == expected

    def test_all(self, mobilenet):
        set_trainable(mobilenet, "none", "none")
        set_trainable(mobilenet, "all", "none")
        moving = {w.path for w in mobilenet.weights if "/moving_" in w.path}
        assert trained(mobilenet) == {w.path for w in mobilenet.weights} - moving
        set_trainable(mobilenet, "all", "weights.h5")
        assert trained(mobilenet) == {w.path for w in mobilenet.weights if "_bn/" not in w.path}

    def test_models_inside_a_network_are_reached(self):
        backbone = build_backbone("convnext_tiny", SMALL, "none")
        set_trainable(backbone, 1, "imagenet")
        assert "convnext_tiny_downsampling_block_2/convnext_tiny_downsampling_conv_2/kernel" in (
            trained(backbone)
        )
        assert not any(
            "downsampling_layernorm" in path or "stem" in path for path in trained(backbone)
        )

    def test_more_blocks_than_there_are(self, mobilenet):
        with pytest.raises(StageError, match=r"at most 5 blocks\. Received: 6\..*: backbone 5\."):
            set_trainable(mobilenet, 6, "imagenet")
        set_trainable(mobilenet, 5, "none")
        assert "conv1/kernel" in trained(mobilenet)

    @pytest.mark.parametrize("weights", ["imagenet", "none"])
    def test_what_training_changes(self, weights):
        """One step of `fit` on the composed model; the rest must stay, bit for bit."""
        keras.utils.set_random_seed(1)
        backbone = build_backbone("mobilenet", SMALL, "none")
        randomise(backbone, photographs(SMALL))  # under fresh weights no gradient arrives
        set_trainable(backbone, 2, weights)
        pixels = keras.Input((*SMALL, 3))
        pooled = keras.layers.GlobalAveragePooling2D()(backbone(pixels))
        model = keras.Model(pixels, keras.layers.Dense(2)(pooled))
        model.compile("sgd", "mse")
        before = {w.path: np.array(w) for w in backbone.weights}
        model.fit(photographs(SMALL), np.eye(2), verbose=0)
        changed = {w.path for w in backbone.weights if not np.array_equal(w, before[w.path])}
        last = {w.path for b in blocks_of(backbone)[-2:] for x in b for w in x.weights}
        if weights == "none":
            assert changed == last
        else:
            assert changed == {path for path in last if "_bn/" not in path}


class TestFused:
    """Layers of equal names in two networks, and one network with fewer blocks."""

    @pytest.fixture
    def fused(self):
        return build_backbone(["vgg19", "vgg16", "convnext_tiny"], SMALL, "none")

    def test_trainable(self, fused):
        set_trainable(fused, 1, ["imagenet", "none", "imagenet"])
        convolutions = {f"block5_conv{n}" for n in range(1, 5)}
        assert {path.rsplit("/", 1)[0] for path in trained(fused) if "vgg19" in path} == {
            f"vgg19/{name}" for name in convolutions
        }
        with pytest.raises(StageError, match=r"at most 4.*vgg19 5, vgg16 5, convnext_tiny 4\."):
            set_trainable(fused, 5, "none")

    def test_batch_normalisation_by_each_networks_weights(self):
        backbone = build_backbone(["mobilenet", "cnn", "resnet50"], SMALL, "none")
        set_trainable(backbone, "all", ["imagenet", "none", "own.h5"])
        learning = {
            network.name
            for network in networks_of(backbone)
            for layer in layers_of(network)
            if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
        }
        assert learning == {"cnn"}
