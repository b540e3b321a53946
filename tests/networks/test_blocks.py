"""Blocks by the known names of their layers."""

import keras
import pytest

from networks.backbones.build import build_backbone
from networks.blocks import blocks_of, networks_of
from tests.helpers.network_maps import layers_of

FULL = (224, 224)
SMALL = (64, 64)


def names_of(name: str, size=FULL, layer=None) -> list[list[str]]:
    blocks = blocks_of(build_backbone(name, size, "none", layer))
    return [[layer.name for layer in block] for block in blocks]


class TestBlocksOf:
    def test_vgg16(self):
        assert names_of("vgg16") == [
            [f"block{block}_conv{conv}" for conv in range(1, convolutions + 1)]
            for block, convolutions in enumerate((2, 2, 3, 3, 3), start=1)
        ]

    def test_resnet50(self):
        blocks = names_of("resnet50")
        assert [sorted({name.split("_")[0] for name in block}) for block in blocks] == [
            [f"conv{stage}"] for stage in range(1, 6)
        ]
        # 3, 4, 6 and 3 units of three convolutions, one of which has a fourth on its shortcut,
        # each with its normalisation.
        assert [len(block) for block in blocks] == [2, 20, 26, 38, 20]
        assert "conv3_block1_0_conv" in blocks[2]

    def test_mobilenet(self):
        """Strides of two at the depthwise convolutions 2, 4, 6 and 12."""
        units = [[1], [2, 3], [4, 5], [6, 7, 8, 9, 10, 11], [12, 13]]
        patterns = ("conv_dw_{}", "conv_dw_{}_bn", "conv_pw_{}", "conv_pw_{}_bn")
        expected = [
            [pattern.format(unit) for unit in block for pattern in patterns] for block in units
        ]
        expected[0] = ["conv1", "conv1_bn", *expected[0]]
        assert names_of("mobilenet") == expected

    def test_efficientnet_lite0(self):
        """The first unit of each halving widens the maps before its stride."""
        blocks = names_of("efficientnet_lite0")
        assert [(block[0], block[-1]) for block in blocks] == [
            ("stem_conv", "block2a_expand_bn"),
            ("block2a_dwconv", "block3a_expand_bn"),
            ("block3a_dwconv", "block4a_expand_bn"),
            ("block4a_dwconv", "block6a_expand_bn"),
            ("block6a_dwconv", "top_bn"),
        ]

    def test_convnext_tiny(self):
        """Four stages; the normalisation before a halving belongs to what comes before."""
        blocks = names_of("convnext_tiny")
        start = "convnext_tiny_"
        assert [(block[0], block[-1]) for block in blocks] == [
            (f"{start}stem_conv", f"{start}downsampling_layernorm_0"),
            (f"{start}downsampling_conv_0", f"{start}downsampling_layernorm_1"),
            (f"{start}downsampling_conv_1", f"{start}downsampling_layernorm_2"),
            (f"{start}downsampling_conv_2", "layer_normalization"),
        ]
        # Five layers with weights in each of 3, 3, 9 and 3 units, and what stands between them.
        assert [len(block) for block in blocks] == [15 + 3, 15 + 2, 45 + 2, 15 + 2]

    def test_cnn(self):
        expected = [[f"block{n}_conv1", f"block{n}_conv1_bn"] for n in range(1, 6)]
        expected[4] += ["block5_conv2", "block5_conv2_bn"]
        assert names_of("cnn") == expected

    def test_squeeze_and_excite_divides_nothing(self):
        blocks = names_of("efficientnet_b0")
        assert len(blocks) == 5
        # The branch of the second unit stands between its own layers, at its place.
        inner = blocks[1][:7]
        assert inner == [
            *("block2a_dwconv", "block2a_bn", "block2a_se_reduce", "block2a_se_expand"),
            *("block2a_project_conv", "block2a_project_bn", "block2b_expand_conv"),
        ]
        assert not any("normalization" in block for block in blocks)  # that prepares pixels

    def test_squeeze_and_excite_where_the_maps_are_as_small(self):
        """At 32 px the last maps are 1 x 1, too: the same blocks as at 224."""
        assert names_of("efficientnet_b0", (32, 32)) == names_of("efficientnet_b0")

    def test_layers_beyond_the_chosen_one_are_not_part_of_it(self):
        assert names_of("resnet50", layer="conv4_block6_out") == names_of("resnet50")[:4]
        cut = names_of("efficientnet_b0", layer="block2a_se_excite")
        assert cut[1] == names_of("efficientnet_b0")[1][:4]

    def test_every_weight_but_those_of_the_pixels_is_in_a_block_once(self):
        for name in ("efficientnet_b0", "inception_v3", "xception", "convnext_tiny"):
            backbone = build_backbone(name, (96, 96), "none")
            inside = [w.path for b in blocks_of(backbone) for x in b for w in x.weights]
            every = [
                weight.path
                for layer in layers_of(backbone)
                if not isinstance(layer, keras.layers.Normalization)
                for weight in layer.weights
            ]
            assert sorted(inside) == sorted(every)


class TestFused:
    """Layers of equal names in two networks, and one network with fewer blocks."""

    @pytest.fixture
    def fused(self):
        return build_backbone(["vgg19", "vgg16", "convnext_tiny"], SMALL, "none")

    def test_networks_in_the_order_of_the_list(self, fused, tmp_path):
        names = ["vgg19", "vgg16", "convnext_tiny"]
        assert [network.name for network in networks_of(fused)] == names
        assert [len(blocks_of(network)) for network in networks_of(fused)] == [5, 5, 4]
        fused.save(tmp_path / "fused.keras")
        opened = keras.saving.load_model(tmp_path / "fused.keras")
        for network, same in zip(networks_of(fused), networks_of(opened), strict=True):
            assert same.name == network.name
            assert [[x.name for x in block] for block in blocks_of(same)] == [
                [x.name for x in block] for block in blocks_of(network)
            ]
        with pytest.raises(ValueError, match="several"):
            blocks_of(fused)

    def test_one_network_is_itself(self):
        backbone = build_backbone("convnext_tiny", SMALL, "none")
        assert networks_of(backbone) == [backbone]
