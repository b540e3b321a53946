"""Engines that compute networks whose weights stay as they are, and the rule that chooses one.

OpenVINO is 1.5 to 3 times as fast as Keras's `predict` on processors, image by image on as many
threads as there are cores, so that neither batches nor cores change a byte. It has been silently
wrong (openvino#28824, #19983): its outputs are compared with TensorFlow's before any is used, and
with themselves at the end.
"""

import contextlib
import importlib.util
import os
import platform
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from common import cli
from common.errors import StageError
from networks.forward import bfloat16_convolutions, constants

OPENVINO, TENSORFLOW = "openvino", "tensorflow"
FLOAT32, BFLOAT16 = "float32", "bfloat16"
# Networks of plain wide convolutions, where OpenVINO gained nothing: VGG16, 12 images/s against 16
# on one processor and 15 against 16 on another.
BETTER_IN_TENSORFLOW = ("vgg",)
CHECKED_IMAGES = 64
TOLERANCE = 1e-3  # of the largest value, between the engines

# From pixels (n, height, width, 3) to the outputs, float32 (n, …) each.
Run = Callable[[np.ndarray], list[np.ndarray]]


class Engine(NamedTuple):
    """An engine and its precision.

    Attributes:
        name: OPENVINO or TENSORFLOW.
        precision: FLOAT32 or BFLOAT16, of the large products; results are float32 in any case.
    """

    name: str
    precision: str


def choose_engine(engine_cpu: str, precision: str, backbones: Sequence[str], stage: str) -> Engine:
    """The engine that params.yaml asks for, on this machine.

    `auto` depends on the machine and the networks alone, never on a timing: OpenVINO on x86
    processors with AVX2 but for BETTER_IN_TENSORFLOW, else TensorFlow; TensorFlow where it has a
    GPU. The precision is float32 unless bfloat16 is asked for and the processor computes in it.

    Args:
        engine_cpu: the parameter compute.engine_cpu.
        precision: the parameter compute.precision.
        backbones: names of the networks.
        stage: which warns where bfloat16 cannot be had.

    Raises:
        StageError: OpenVINO is asked for and not installed.
    """
    name, wanted = engine_cpu, precision
    installed = importlib.util.find_spec("openvino") is not None
    if tf.config.list_physical_devices("GPU"):
        name = TENSORFLOW
    elif name == "auto":
        better = all(backbone.startswith(BETTER_IN_TENSORFLOW) for backbone in backbones)
        name = OPENVINO if installed and _has_avx2() and not better else TENSORFLOW
    elif name == OPENVINO and not installed:
        raise StageError(
            "Expected the package openvino for compute.engine_cpu: openvino. Received: it is not "
            "installed. Install with `make install`, or set compute.engine_cpu to auto."
        )
    precision = FLOAT32
    if wanted == BFLOAT16:
        on_gpu = bool(tf.config.list_physical_devices("GPU"))
        if on_gpu or (installed and "BF16" in _capabilities()):
            precision = BFLOAT16
        else:
            cli.warn(
                stage,
                "bfloat16 has no effect on this processor, which does not compute in it; results "
                "are those of float32",
            )
    return Engine(name, precision)


class FrozenNetwork:
    """A function of images, with the weights of now as constants, in an engine.

    Safe to be called from several threads, one after the other.
    """

    def __init__(
        self,
        compute: Callable[[tf.Tensor], Sequence[tf.Tensor]],
        image_size: Sequence[int],
        engine: Engine,
        network: keras.Model,
        dtype: tf.DType = tf.uint8,
    ):
        """Args:
        compute: float32 pixels `(n, height, width, 3)` to a list of outputs; traced once.
        image_size: (height, width) in px.
        engine: from `choose_engine`.
        network: whose convolutions are in bfloat16, where that is the precision.
        dtype: of the pixels that are given: uint8, or float32 for images between two.
        """

        def named(pixels):
            outputs = compute(tf.cast(pixels, tf.float32))
            return [
                tf.identity(tf.cast(output, tf.float32), name=f"output_{index}")
                for index, output in enumerate(outputs)
            ]

        rounds = engine == (TENSORFLOW, BFLOAT16)
        with bfloat16_convolutions(network) if rounds else contextlib.nullcontext():
            self._graph = constants(named, tf.TensorSpec((None, *image_size, 3), dtype))
        self._dtype, self._n_outputs = dtype.as_numpy_dtype, len(self._graph.outputs)
        self.engine = engine
        self._run = self._in_tensorflow
        if engine.name == OPENVINO:
            self._run = self._in_openvino(engine.precision)

    def __call__(self, pixels: np.ndarray) -> list[np.ndarray]:
        """Outputs of pixels (n, height, width, 3) in [0, 255], float32 (n, …) each."""
        return self._run(np.ascontiguousarray(pixels, self._dtype))

    def stream(self, batches: Iterable[np.ndarray]) -> Iterator[list[np.ndarray]]:
        """Yields the outputs of batches of pixels; checks the engine before the first and at last.

        Raises:
            StageError: its outputs are others than TensorFlow's, or not the same twice.
        """
        batches = iter(batches)
        for first in islice(batches, 1):
            self.compare(first[:CHECKED_IMAGES])
            outputs = self(first)
            kept = [output[:CHECKED_IMAGES].copy() for output in outputs]
            yield outputs
            for pixels in batches:
                yield self(pixels)
            if self.engine.name == OPENVINO:
                again = self(first[:CHECKED_IMAGES])
                if not all(map(np.array_equal, kept, again)):
                    raise StageError(_wrong("the same images twice gave two results"))

    def compare(self, pixels: np.ndarray) -> None:
        """Compares the engine in float32 with TensorFlow on a few images.

        Raises:
            StageError: they differ by more than TOLERANCE of the largest value.
        """
        if self.engine.name == TENSORFLOW:
            return
        exact = self.engine.precision == FLOAT32
        run = self._run if exact else self._in_openvino(FLOAT32)
        pixels = np.ascontiguousarray(pixels, self._dtype)
        for ours, expected in zip(run(pixels), self._in_tensorflow(pixels), strict=True):
            largest = float(np.abs(expected).max())
            difference = float(np.abs(ours - expected).max())
            if not difference <= TOLERANCE * largest:
                raise StageError(
                    _wrong(f"up to {difference:g} of {largest:g} apart from TensorFlow's")
                )

    def _in_tensorflow(self, pixels: np.ndarray) -> list[np.ndarray]:
        return [output.numpy() for output in self._graph(tf.constant(pixels))]

    def _in_openvino(self, precision: str) -> Run:
        openvino = _openvino()
        try:
            model = openvino.convert_model(self._graph.graph.as_graph_def())
        except Exception as error:  # of several kinds, by what it cannot convert
            raise StageError(
                "Expected a network that OpenVINO can convert. Received: "
                f"{str(error).strip().splitlines()[-1]}. Set compute.engine_cpu to tensorflow."
            ) from None
        model.reshape([1, *model.inputs[0].partial_shape[1:]])
        settings = {
            "INFERENCE_PRECISION_HINT": "f32" if precision == FLOAT32 else "bf16",
            "NUM_STREAMS": cores(),
            "INFERENCE_NUM_THREADS": cores(),
            "ENABLE_CPU_PINNING": False,  # others compute beside it
        }
        compiled = openvino.Core().compile_model(model, "CPU", settings)
        # By name: their order is OpenVINO's.
        ports = [compiled.output(f"output_{index}:0") for index in range(self._n_outputs)]
        # Threads of Python's own wait for them: OpenVINO's queue calls back in threads of its own,
        # where Python may collect an older queue, whose end then waits for the very thread.
        requests, alone = (
            [compiled.create_infer_request() for _ in range(cores())],
            threading.Lock(),
        )

        def run(pixels):
            outputs = [np.empty((len(pixels), *port.shape[1:]), np.float32) for port in ports]
            rows = iter(range(len(pixels)))

            def infer(request):
                for row in rows:
                    request.infer({0: pixels[row : row + 1]})
                    for port, output in zip(ports, outputs, strict=True):
                        output[row] = request.get_tensor(port).data[0]

            with alone:
                if len(pixels) == 1:
                    infer(requests[0])
                else:
                    list(cli.parallel_map(infer, requests, len(requests)))
            return outputs

        return run


def frozen_backbone(backbone: keras.Model, engine: Engine) -> FrozenNetwork:
    """Uint8 pixels to maps, float32 `(n, height, width, channels)`."""

    def maps_of(pixels):
        return [backbone(pixels, training=False)]

    return FrozenNetwork(maps_of, backbone.input_shape[1:3], engine, backbone)


def frozen_classifier(backbone: keras.Model, head: keras.Model, engine: Engine) -> FrozenNetwork:
    """Uint8 pixels to maps, as of `frozen_backbone`, and probabilities `(n, n_classes)`."""

    def look(pixels):
        maps = tf.cast(backbone(pixels, training=False), tf.float32)
        return [maps, head(maps, training=False)]

    return FrozenNetwork(look, backbone.input_shape[1:3], engine, backbone)


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _wrong(what: str) -> str:
    return (
        f"Expected OpenVINO's outputs to be right. Received: {what}. Set compute.engine_cpu to "
        "tensorflow, and please report the network and the processor."
    )


def _has_avx2() -> bool:
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    try:
        return " avx2" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:  # not Linux: every x86 processor that such systems still run on has it
        return True


def _capabilities() -> list[str]:
    return _openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _openvino():
    # Importing openvino reports to Google Analytics through this package, unless the package is
    # missing, which openvino allows. None makes Python treat it as missing.
    sys.modules.setdefault("openvino_telemetry", None)
    import openvino

    return openvino
