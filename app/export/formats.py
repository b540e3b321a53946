"""Export formats: for each, a writer and a function that opens its file in its own runtime.

Every file takes `pixels`, float32 `(batch, height, width, 3)`, RGB in [0, 255], with any batch,
and gives `probabilities`, float32 `(batch, n_classes)`; the preprocessing is inside.
"""

import dataclasses
import importlib.util
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from app.export.quantisation import quantised
from common.errors import StageError

PIXELS, PROBABILITIES = "pixels", "probabilities"

# From float32 pixels to float32 probabilities, as above.
Answer = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Source:
    """The model in the forms that writers convert.

    Attributes:
        model: from `named`.
        saved: folder with the same model as a SavedModel.
        calibration: opens a stream of images, uint8 (height, width, 3), for quantisation.
    """

    model: keras.Model
    saved: Path
    calibration: Callable[[], Iterator[np.ndarray]] | None


@dataclasses.dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        file: what a runtime opens, relative to the folder of the export; "" is the folder itself.
        packages: packages that it needs besides TensorFlow and Keras.
        write: writes the source to a path.
        open: opens that path in the format's runtime, in float32.
        quantised: whether weights and activations are integers.
        open_bfloat16: opens the path in bfloat16, where the runtime takes it by default; returns
            None on machines without it. None for other runtimes.
    """

    file: str
    packages: tuple[str, ...]
    write: Callable[[Source, Path], None]
    open: Callable[[Path], Answer]
    quantised: bool = False
    open_bfloat16: Callable[[Path], Answer | None] | None = None


def named(model: keras.Model) -> keras.Model:
    """The same model with its output called `probabilities`, the name in every format."""
    return keras.Model(model.input, {PROBABILITIES: model.output}, name=model.name)


def write_savedmodel(source: Source, path: Path) -> None:
    """A folder with `saved_model.pb` and the variables."""
    shutil.copytree(source.saved, path, dirs_exist_ok=True)


def write_onnx(source: Source, path: Path) -> None:
    """ONNX by tf2onnx, with the first axis called `batch`.

    Not by Keras's own export, which turns constants of preprocessing (layer Normalization, as in
    EfficientNet-B0) into inputs that the caller has to give: here they are frozen with the weights.
    """
    import onnx
    import tf2onnx

    loaded = tf.saved_model.load(source.saved)
    frozen = convert_variables_to_constants_v2(
        loaded.signatures["serving_default"], aggressive_inlining=True
    )
    pixels, probabilities = frozen.inputs[0].name, frozen.outputs[0].name
    content, _ = tf2onnx.convert.from_graph_def(
        frozen.graph.as_graph_def(),
        input_names=[pixels],
        output_names=[probabilities],
        tensors_to_rename={pixels: PIXELS, probabilities: PROBABILITIES},
    )
    for value in (*content.graph.input, *content.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    try:
        onnx.checker.check_model(content)
    except onnx.checker.ValidationError as error:
        reason = str(error).split("\n")[0]
        raise StageError(
            "Expected every operation of the model to exist in ONNX. Received from "
            f"onnx.checker: {reason}. Nothing was written. Use another format."
        ) from None
    onnx.save(content, path)


def write_tflite(source: Source, path: Path) -> None:
    """TensorFlow Lite with built-in operations only, which every runtime has."""
    path.write_bytes(_converter(source.saved).convert())


def write_tflite_int8(source: Source, path: Path) -> None:
    """TensorFlow Lite in 8 bits; see quantisation.py."""
    path.write_bytes(quantised(_converter(source.saved), source.calibration))


def write_openvino(source: Source, path: Path) -> None:
    """OpenVINO's `.xml` and `.bin`, weights in float32.

    Not by Keras's own export, which gives models with attention `pool` an integer as a second
    output.
    """
    openvino = _openvino()
    openvino.save_model(openvino.convert_model(source.saved), path, compress_to_fp16=False)


def open_savedmodel(path: Path) -> Answer:
    """Runs the signature that TensorFlow Serving uses."""
    loaded = tf.saved_model.load(path)

    def ask(pixels):  # holds `loaded`, which owns the variables of the signature
        return loaded.signatures["serving_default"](pixels=tf.constant(pixels))[PROBABILITIES]

    return lambda pixels: ask(pixels).numpy()


def open_onnx(path: Path) -> Answer:
    """Runs in ONNX Runtime on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda pixels: session.run([PROBABILITIES], {PIXELS: pixels})[0]


def open_tflite(path: Path) -> Answer:
    """Runs in TensorFlow's interpreter with its default kernels, those of XNNPACK."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the same interpreter moves to LiteRT
        interpreter = tf.lite.Interpreter(str(path))
    runner = interpreter.get_signature_runner()
    return lambda pixels: runner(**{PIXELS: pixels})[PROBABILITIES]


def open_openvino(path: Path, precision: str = "f32") -> Answer:
    """Runs in OpenVINO on the CPU, in float32: its default is bfloat16 where the CPU has it."""
    core = _openvino().Core()
    compiled = core.compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": precision})
    return lambda pixels: compiled({PIXELS: pixels})[PROBABILITIES]


def open_openvino_bfloat16(path: Path) -> Answer | None:
    """Runs in OpenVINO's default where the CPU has bfloat16; None elsewhere."""
    if "BF16" not in _openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        return None
    return open_openvino(path, "bf16")


FORMATS = {
    "savedmodel": Format("", (), write_savedmodel, open_savedmodel),
    "onnx": Format("model.onnx", ("onnx", "tf2onnx", "onnxruntime"), write_onnx, open_onnx),
    "tflite": Format("model.tflite", (), write_tflite, open_tflite),
    "tflite_int8": Format("model_int8.tflite", (), write_tflite_int8, open_tflite, quantised=True),
    "openvino": Format(
        "model.xml",
        ("openvino",),
        write_openvino,
        open_openvino,
        open_bfloat16=open_openvino_bfloat16,
    ),
}


def require_packages(names: list[str]) -> None:
    """Checks that the packages of formats are installed, before any work.

    Args:
        names: keys of FORMATS.

    Raises:
        StageError: a package is missing.
    """
    for name in names:
        packages = FORMATS[name].packages
        missing = [package for package in packages if not importlib.util.find_spec(package)]
        if missing:
            raise StageError(
                f"Expected the packages {', '.join(packages)} for --format {name}. "
                f"Received: {', '.join(missing)} not installed. Install with `make install`, or "
                f"`python -m pip install {' '.join(missing)}` in the versions of requirements.txt."
            )


def _converter(saved: Path) -> tf.lite.TFLiteConverter:
    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    return converter


def _openvino():
    # Importing openvino reports to Google Analytics through this package, unless the package is
    # missing, which openvino allows. None makes Python treat it as missing.
    sys.modules.setdefault("openvino_telemetry", None)
    import openvino

    return openvino
