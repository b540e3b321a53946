"""The formats: how each is written, and how its file is asked in its own runtime.

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
    """What an export is made of.

    Attributes:
        model: from `named`.
        saved: folder with the same as a SavedModel.
        calibration: opens a stream of images, uint8 (height, width, 3), to quantise by.
    """

    model: keras.Model
    saved: Path
    calibration: Callable[[], Iterator[np.ndarray]] | None


@dataclasses.dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        file: name of what a runtime opens, in the folder of the export; "" is the folder.
        packages: what it needs besides TensorFlow and Keras.
        write: from the source and the path to write to.
        open: from that path to a function that asks the file.
    """

    file: str
    packages: tuple[str, ...]
    write: Callable[[Source, Path], None]
    open: Callable[[Path], Answer]


def named(model: keras.Model) -> keras.Model:
    """The same model with an output that is called `probabilities` in every format."""
    return keras.Model(model.input, {PROBABILITIES: model.output}, name=model.name)


def write_savedmodel(source: Source, path: Path) -> None:
    """A folder with `saved_model.pb` and the variables."""
    shutil.copytree(source.saved, path, dirs_exist_ok=True)


def write_onnx(source: Source, path: Path) -> None:
    """ONNX by tf2onnx, with the first axis called `batch`.

    Not by Keras's own export, which takes constants of preprocessing (layer Normalization, as in
    EfficientNet-B0) for inputs that the caller has to give: here they are frozen with the weights.
    """
    import onnx
    import tf2onnx

    loaded = tf.saved_model.load(source.saved)
    frozen = convert_variables_to_constants_v2(
        loaded.signatures["serving_default"], aggressive_inlining=True
    )
    given, answer = frozen.inputs[0].name, frozen.outputs[0].name
    content, _ = tf2onnx.convert.from_graph_def(
        frozen.graph.as_graph_def(),
        input_names=[given],
        output_names=[answer],
        tensors_to_rename={given: PIXELS, answer: PROBABILITIES},
    )
    for value in (*content.graph.input, *content.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    try:
        onnx.checker.check_model(content)
    except onnx.checker.ValidationError as error:
        reason = str(error).split("\n")[0]
        raise StageError(
            "Expected every operation of the model to have its like in ONNX. Received from "
            f"onnx.checker: {reason}. Nothing was written. Use another format."
        ) from None
    onnx.save(content, path)


def write_tflite(source: Source, path: Path) -> None:
    """TensorFlow Lite with its built-in operations alone, which every runtime has."""
    path.write_bytes(_converter(source.saved).convert())


def write_tflite_int8(source: Source, path: Path) -> None:
    """The same in 8 bits; see quantising.py."""
    path.write_bytes(quantised(_converter(source.saved), source.calibration))


def write_openvino(source: Source, path: Path) -> None:
    """OpenVINO's `.xml` and `.bin`, weights in float32.

    Not by Keras's own export, which leaves an integer beside the probabilities as a second output
    of a model with attention `pool`.
    """
    openvino = _openvino()
    openvino.save_model(openvino.convert_model(source.saved), path, compress_to_fp16=False)


def open_savedmodel(path: Path) -> Answer:
    """Asks by the signature that TensorFlow Serving uses."""
    loaded = tf.saved_model.load(path)

    def ask(pixels):  # holds `loaded`, which owns the variables of the signature
        return loaded.signatures["serving_default"](pixels=tf.constant(pixels))[PROBABILITIES]

    return lambda pixels: ask(pixels).numpy()


def open_onnx(path: Path) -> Answer:
    """Asks by ONNX Runtime, on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda pixels: session.run([PROBABILITIES], {PIXELS: pixels})[0]


def open_tflite(path: Path) -> Answer:
    """Asks by the interpreter in TensorFlow with its default kernels, those of XNNPACK."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the same interpreter moves to LiteRT
        interpreter = tf.lite.Interpreter(str(path))
    runner = interpreter.get_signature_runner()
    return lambda pixels: runner(**{PIXELS: pixels})[PROBABILITIES]


def open_openvino(path: Path, precision: str = "f32") -> Answer:
    """Asks by OpenVINO on the CPU, in float32: left to itself it takes bfloat16 where it can."""
    core = _openvino().Core()
    compiled = core.compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": precision})
    return lambda pixels: compiled({PIXELS: pixels})[PROBABILITIES]


def has_bfloat16() -> bool:
    """Whether OpenVINO computes in bfloat16 on this machine, as it then does by default."""
    return "BF16" in _openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


FORMATS = {
    "savedmodel": Format("", (), write_savedmodel, open_savedmodel),
    "onnx": Format("model.onnx", ("onnx", "tf2onnx", "onnxruntime"), write_onnx, open_onnx),
    "tflite": Format("model.tflite", (), write_tflite, open_tflite),
    "tflite_int8": Format("model_int8.tflite", (), write_tflite_int8, open_tflite),
    "openvino": Format("model.xml", ("openvino",), write_openvino, open_openvino),
}


def require_packages(names: list[str]) -> None:
    """Makes sure that the packages of some formats are installed, before any work.

    Raises:
        StageError: one is not.
    """
    for name in names:
        missing = [each for each in FORMATS[name].packages if not importlib.util.find_spec(each)]
        if missing:
            raise StageError(
                f"Expected the packages {', '.join(FORMATS[name].packages)} for --format {name}. "
                f"Received: {', '.join(missing)} not installed. Install with `make install`, or "
                f"`python -m pip install {' '.join(missing)}` in the versions of requirements.txt."
            )


def _converter(saved: Path) -> tf.lite.TFLiteConverter:
    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    return converter


def _openvino():
    # Importing openvino reports to Google Analytics through this package, unless the package
    # is missing, for which openvino is prepared. None stands for a missing one.
    sys.modules.setdefault("openvino_telemetry", None)
    import openvino

    return openvino
