"""The two networks of our own: sizes, layers, pixels inside, and that they learn from scratch."""

import keras
import numpy as np
import pytest

from common.errors import StageError
from networks.backbones.build import build_backbone
from networks.backbones.cnn import CNNS
from tests.helpers.network_maps import SIZE, maps_of, photographs, randomise


@pytest.mark.parametrize(("name", "channels"), [("cnn", 256), ("cnn_concat", 512)])
@pytest.mark.parametrize(
    ("size", "grid"), [((224, 224), (7, 7)), ((32, 32), (1, 1)), ((299, 70), (9, 2))]
)
def test_stride_32(name, channels, size, grid):
    assert build_backbone(name, size, "none").output_shape == (None, *grid, channels)


def kernels(name: str) -> list[tuple[int, ...]]:
    layers = build_backbone(name, (32, 32), "none").layers
    return [tuple(x.kernel.shape) for x in layers if isinstance(x, keras.layers.Conv2D)]


def test_layers_of_cnn():
    widths = [(3, 32), (32, 64), (64, 128), (128, 256), (256, 256), (256, 256)]
    assert kernels("cnn") == [(3, 3, *pair) for pair in widths]


def test_branches_of_cnn_concat_add_as_many_channels_as_there_are():
    backbone = build_backbone("cnn_concat", (64, 64), "none")
    concat = backbone.get_layer("block2_concat")
    parts = [tuple(tensor.shape[1:]) for tensor in concat.input]
    assert parts == [(16, 16, 64), (16, 16, 16), (16, 16, 32), (16, 16, 16)]
    assert concat.output.shape == (None, 16, 16, 128)
    # What enters the block leaves it unchanged.
    inner = keras.Model(backbone.input, [backbone.get_layer("block1_pool").output, concat.output])
    before, after = inner(photographs((64, 64)), training=False)
    np.testing.assert_array_equal(before, after[..., :64])


@pytest.mark.parametrize("name", sorted(CNNS))
class TestBoth:
    def test_pixels_come_to_minus_one_to_one(self, name):
        backbone = build_backbone(name, (32, 32), "none")
        rescaled = keras.Model(backbone.input, backbone.get_layer("rescaling").output)
        pixels = np.zeros((1, 32, 32, 3), "float32")
        pixels[..., 1], pixels[..., 2] = 127.5, 255
        np.testing.assert_allclose(maps_of(rescaled, pixels)[0, 5, 7], [-1, 0, 1], atol=1e-6)

    def test_too_small(self, name):
        words = rf"of at least \[32, 32\] for {name}\. Received: \[96, 31\]"
        with pytest.raises(StageError, match=words):
            build_backbone(name, (96, 31), "none")

    @pytest.mark.parametrize("suffix", [".weights.h5", ".keras", ".h5"])
    def test_weights_from_a_file(self, name, suffix, tmp_path):
        keras.utils.set_random_seed(1)
        backbone = build_backbone(name, SIZE, "none")
        randomise(backbone, photographs())
        path = tmp_path / f"own{suffix}"
        backbone.save_weights(path) if suffix == ".weights.h5" else backbone.save(path)
        again = build_backbone(name, SIZE, str(path))
        np.testing.assert_array_equal(
            maps_of(again, photographs()), maps_of(backbone, photographs())
        )
        with pytest.raises(StageError, match="weights of vgg16, without its top"):
            build_backbone("vgg16", SIZE, str(path))

    def test_imagenet_weights_do_not_exist(self, name):
        with pytest.raises(StageError, match=rf"weights of {name} to be none.*\.weights: none\.$"):
            build_backbone(name, SIZE, "imagenet")
        words = r"Received: imagenet\. Set model.weights: \[imagenet, none\]"
        # Before the first network, whose weights would be fetched.
        with pytest.raises(StageError, match=words):
            build_backbone(["vgg16", name], SIZE, "imagenet")

    def test_it_learns_textures_that_have_one_mean(self, name):
        """Stripes across, stripes along and a chequerboard; 20 steps, then unseen images."""
        keras.utils.set_random_seed(1)
        backbone = build_backbone(name, (32, 32), "none")
        pooled = keras.layers.GlobalAveragePooling2D()(backbone.output)
        scores = keras.layers.Dense(3)(pooled)
        model = keras.Model(backbone.input, scores)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(1e-3), loss)
        model.fit(*textures(80, 1), batch_size=16, epochs=4, shuffle=False, verbose=0)
        images, label = textures(60, 2)
        assert (maps_of(model, images).argmax(axis=1) == label).mean() > 0.9


def textures(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rows, columns = np.indices((32, 32)) // 4 % 2
    patterns = np.stack([rows, columns, rows ^ columns]).astype("float32")
    label = np.arange(count) % 3
    shift = rng.integers(0, 8, (count, 2))
    moved = [np.roll(patterns[kind], step, (0, 1)) for kind, step in zip(label, shift, strict=True)]
    noise = rng.normal(0, 40, (count, 32, 32, 3))
    return (100 * np.stack(moved)[..., None] + 78 + noise).astype("float32"), label
