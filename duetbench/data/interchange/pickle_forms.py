"""The names, arguments and states that pandas 1 to 3 write into the pickle of a table."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta, timezone
from math import prod
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]


class Refused(Exception):
    """A pickle contains something that is not part of a table."""


_PANDAS_MODULES = ("pandas", "pandas.arrays", "pandas.core.", "pandas._libs.")
_INDEXES = frozenset(
    {
        "Index", "RangeIndex", "MultiIndex", "Int64Index", "UInt64Index", "Float64Index", "CategoricalIndex",
        "DatetimeIndex", "TimedeltaIndex",
    }
)  # fmt: skip
_BACKED = {"DatetimeArray": "M", "TimedeltaArray": "m", "Categorical": "i", "StringArray": "OT"}
"""Arrays around one NumPy array, with the kinds that it may have."""
_MASKED = frozenset({"IntegerArray", "FloatingArray", "BooleanArray"})
_DTYPES = frozenset(
    {
        "CategoricalDtype", "DatetimeTZDtype", "BooleanDtype", "StringDtype", "Int64Dtype", "Int32Dtype",
        "Float64Dtype", "Float32Dtype",
    }
)  # fmt: skip
NEW = frozenset(
    {"DataFrame", "Series", "BlockManager", "SingleBlockManager", "ArrowStringArray", "ArrowStringArrayNumpySemantics"}
    | _MASKED
    | _BACKED.keys()
    | _DTYPES
)
"""Classes whose objects are created empty and then get a state."""
_PANDAS_NAMES = NEW | _INDEXES | {
    "NA", "C_NA", "BlockPlacement", "new_block", "_unpickle_block", "_new_Index", "_new_DatetimeIndex",
    "_new_TimedeltaIndex", "__pyx_unpickle_NDArrayBacked", "_unpickle_timestamp", "_timedelta_unpickle",
    "_nat_unpickle", "__nat_unpickle",
}  # fmt: skip
_OTHER_NAMES = frozenset(
    {
        *((module, name) for module in ("builtins", "__builtin__") for name in ("slice", "bytearray", "object")),
        *((module, "_reconstructor") for module in ("copyreg", "copy_reg")),
        *(("datetime", name) for name in ("datetime", "date", "timedelta", "timezone")),
        *(("numpy", name) for name in ("dtype", "ndarray")),
        # `_core` in numpy 2, `core` in numpy 1.
        *((f"numpy.{core}.multiarray", name) for core in ("_core", "core") for name in ("_reconstruct", "scalar")),
        *((f"numpy.{core}.numeric", "_frombuffer") for core in ("_core", "core")),
        *(("pyarrow.lib", name) for name in ("type_for_alias", "chunked_array", "_restore_array", "py_buffer")),
    }
)
OF_CLASSES = {
    **dict.fromkeys(("_reconstructor", "__pyx_unpickle_NDArrayBacked"), NEW),
    **dict.fromkeys(("_new_Index", "_new_DatetimeIndex", "_new_TimedeltaIndex"), _INDEXES),
}
"""Functions that create an object of the class in their first argument, with the classes that they may create."""
_STATE_KEYS = frozenset(
    {
        "_mgr", "_data", "data", "_typ", "_metadata", "attrs", "_flags", "_name", "name", "_mask", "_dtype", "_cache",
        "_readonly", "_pa_array", "categories", "ordered", "_categories", "_ordered", "unit", "tz", "_unit", "_tz",
        "storage", "_storage", "na_value", "_na_value", "_ndarray", "_codes", "_freq", "allows_duplicate_labels",
    }
)  # fmt: skip
_INDEX_KEYS = frozenset(
    {"data", "name", "names", "levels", "codes", "labels", "sortorder", "start", "stop", "step", "freq", "tz", "dtype"}
)
_DTYPE = re.compile(r"[<>|=]?([biufc](1|2|4|8|16)|\?|O(4|8)?|[Mm]8(\[\w+\])?|[SU]\d{1,4})")
_MAX_COLUMNS = 1_000_000
_PLAIN = (bytes, str, int, float, bool, type(None), timedelta, timezone)


def is_part_of_table(module: str, name: str) -> bool:
    """Whether pandas or NumPy use this name to store a table."""
    if name in _PANDAS_NAMES:
        return any(module == known or (known.endswith(".") and module.startswith(known)) for known in _PANDAS_MODULES)
    return (module, name) in _OTHER_NAMES or (module, name) in REPLACED


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """What `_codecs.encode` does, for the encodings in which old pickles store bytes."""
    return text.encode(encoding)


def _utc() -> timezone:
    """What `pytz._UTC` returns; older versions of pandas store it."""
    return timezone.utc  # noqa: UP017


REPLACED: dict[tuple[str, str], Callable[..., Any]] = {("_codecs", "encode"): _encode, ("pytz", "_UTC"): _utc}


def _are(values: tuple[Any, ...], *types: Any) -> bool:
    return len(values) == len(types) and all(map(isinstance, values, types))


def _is_int(value: Any) -> bool:
    return type(value) is int


def _is_plain_dtype(value: Any) -> bool:
    return isinstance(value, np.dtype) and value.kind in "biufcMmSU" and value.fields is None


def _is_shape(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) <= 2 and all(_is_int(size) and size >= 0 for size in value)


def is_array_state(state: Any) -> bool:
    if not (isinstance(state, tuple) and len(state) == 5):
        return False
    version, shape, dtype, is_fortran, content = state
    if version != 1 or not _is_shape(shape) or type(is_fortran) not in (bool, int):
        return False
    if isinstance(dtype, np.dtype) and dtype.char == "O":
        return type(content) is list and len(content) == prod(shape)
    return _is_plain_dtype(dtype) and isinstance(content, bytes) and len(content) == prod(shape) * dtype.itemsize


def dtype_state(dtype: np.dtype[Any], state: Any) -> tuple[Any, ...]:
    """The state with what decides about memory taken from the type itself."""
    if not (isinstance(state, tuple) and len(state) in (8, 9)):
        raise Refused("it gives a data type a state that no table has")
    version, order, subtype, names, fields, size, alignment = state[:7]
    is_plain = (subtype, names, fields) == (None, None, None) and version in (3, 4) and order in ("<", ">", "|", "=")
    if not is_plain or size not in (-1, dtype.itemsize) or alignment not in (-1, dtype.alignment):
        raise Refused("it gives a data type a state that no table has")
    unit = state[8:]
    if unit and not (dtype.kind in "Mm" and _is_time_unit(unit[0])):
        raise Refused("it gives a data type a unit that no table has")
    return (version, order, None, None, None, size, alignment, dtype.flags, *unit)


def _is_time_unit(value: Any) -> bool:
    if not (isinstance(value, tuple) and len(value) == 2 and (value[0] is None or value[0] == {})):
        return False
    unit = value[1]
    return isinstance(unit, tuple) and len(unit) == 4 and isinstance(unit[0], bytes) and all(map(_is_int, unit[1:]))


def is_state(target: Any, state: Any) -> bool:
    """Whether a state has the form that pandas writes for that class."""
    name = type(target).__name__
    if isinstance(state, dict):
        return all(isinstance(key, str) and key in _STATE_KEYS for key in state) and _is_content(name, state)
    if not isinstance(state, tuple):
        return False
    if name in ("BlockManager", "SingleBlockManager"):
        return len(state) == 4 and isinstance(state[3], dict) and state[3].keys() == {"0.14.1"}
    if name in _BACKED:
        arrays = [part for part in state if isinstance(part, np.ndarray)]
        rest = [part for part in state if not isinstance(part, np.ndarray)]
        is_known = all(
            isinstance(part, np.dtype | pd.api.extensions.ExtensionDtype)
            or (isinstance(part, dict) and all(key in _STATE_KEYS for key in part))
            for part in rest
        )
        return len(arrays) == 1 and is_known and arrays[0].dtype.kind in _BACKED[name]
    return False


def _is_content(name: str, state: dict[str, Any]) -> bool:
    if name in ("DataFrame", "Series"):
        managers = [state[key] for key in ("_mgr", "_data", "data") if key in state]
        return len(managers) == 1 and type(managers[0]).__name__ in ("BlockManager", "SingleBlockManager")
    if name in _MASKED:
        data, mask = state.get("_data"), state.get("_mask")
        if not (isinstance(data, np.ndarray) and isinstance(mask, np.ndarray)):
            return False
        return data.shape == mask.shape and mask.dtype == bool and data.dtype.kind in "biuf"
    return True


def _is_index_content(content: Any) -> bool:
    return isinstance(content, dict) and content.keys() <= _INDEX_KEYS


def _is_placement(value: Any) -> bool:
    if isinstance(value, slice):
        bounds = (value.start, value.stop, value.step)
        return all(_is_int(bound) and 0 <= bound <= _MAX_COLUMNS * 100 for bound in bounds) and value.step > 0
    if isinstance(value, np.ndarray):
        return value.dtype.kind == "i" and value.ndim == 1 and value.size <= _MAX_COLUMNS and bool((value >= 0).all())
    return type(value).__name__ == "BlockPlacement"


def _is_block(values: Any, placement: Any, ndim: Any) -> bool:
    is_array = isinstance(values, np.ndarray) and values.ndim == ndim
    is_extension = isinstance(values, pd.api.extensions.ExtensionArray)
    return ndim in (1, 2) and (is_array or is_extension) and _is_placement(placement)


def check_manager(manager: Any) -> None:
    """The blocks must cover each column once; pandas does not check all of it."""
    n_columns, places = len(manager.axes[0]), [block.mgr_locs for block in manager.blocks]
    if sum(map(len, places)) == n_columns <= _MAX_COLUMNS:
        columns = np.sort(np.concatenate([np.zeros(0, dtype=int), *(place.as_array for place in places)]))
        if np.array_equal(columns, np.arange(n_columns)):
            return
    raise Refused("its blocks are not those of a table")


def check_codes(categorical: Any) -> None:
    codes = categorical._ndarray
    if codes.size and not (codes.min() >= -1 and codes.max() < len(categorical.dtype.categories)):
        raise Refused("a categorical column has codes without a category")


def _is_buffer(value: Any) -> bool:
    return isinstance(value, bytes | bytearray)


def _is_frombuffer(buffer: Any, dtype: Any, shape: Any, order: Any) -> bool:
    is_whole = _is_buffer(buffer) and _is_plain_dtype(dtype) and _is_shape(shape)
    return is_whole and len(buffer) == prod(shape) * dtype.itemsize and order in ("C", "F")


def _is_arrow_array(parts: Any) -> bool:
    import pyarrow as pa

    if not (isinstance(parts, tuple) and len(parts) == 7):
        return False
    dtype, length, null_count, offset, buffers, children, dictionary = parts
    are_sizes = all(map(_is_int, (length, null_count, offset))) and length >= 0 and offset >= 0
    are_buffers = isinstance(buffers, list) and all(part is None or isinstance(part, pa.Buffer) for part in buffers)
    return isinstance(dtype, pa.DataType) and are_sizes and are_buffers and not children and dictionary is None


def _is_chunked(arrays: Any, *dtype: Any) -> bool:
    import pyarrow as pa

    are_arrays = isinstance(arrays, list) and all(isinstance(part, pa.Array) for part in arrays)
    return are_arrays and len(dtype) <= 1 and all(isinstance(part, pa.DataType) for part in dtype)


def _is_plain(*arguments: Any) -> bool:
    return all(isinstance(argument, _PLAIN) for argument in arguments)


def _is_dtype(*arguments: Any) -> bool:
    return len(arguments) in (1, 3) and isinstance(arguments[0], str) and bool(_DTYPE.fullmatch(arguments[0]))


CALLS: dict[str, Callable[..., bool]] = {
    "encode": lambda *a: len(a) in (1, 2) and _is_plain(*a) and a[1:] in ((), ("latin1",), ("utf-8",), ("ascii",)),
    "_UTC": lambda *a: a == (),
    "slice": lambda *a: all(part is None or _is_int(part) for part in a),
    "bytearray": lambda *a: a == () or _are(a, bytes) or (_are(a, str, str) and a[1] in ("latin-1", "latin1")),
    "_reconstructor": lambda *a: len(a) == 3 and a[1:] == (object, None),
    "datetime": _is_plain,
    "date": _is_plain,
    "timedelta": _is_plain,
    "timezone": _is_plain,
    "dtype": _is_dtype,
    "_reconstruct": lambda *a: len(a) == 3 and a[0] is np.ndarray and a[1] == (0,) and a[2] in (b"b", "b"),
    "scalar": lambda *a: _are(a, np.dtype, bytes) and _is_plain_dtype(a[0]) and len(a[1]) == a[0].itemsize,
    "_frombuffer": lambda *a: len(a) == 4 and _is_frombuffer(*a),
    "type_for_alias": lambda *a: _are(a, str),
    "py_buffer": lambda *a: len(a) == 1 and _is_buffer(a[0]),
    "_restore_array": lambda *a: len(a) == 1 and _is_arrow_array(a[0]),
    "chunked_array": lambda *a: bool(a) and _is_chunked(*a),
    "_new_Index": lambda *a: len(a) == 2 and _is_index_content(a[1]),
    "_new_DatetimeIndex": lambda *a: len(a) == 2 and _is_index_content(a[1]),
    "_new_TimedeltaIndex": lambda *a: len(a) == 2 and _is_index_content(a[1]),
    "__pyx_unpickle_NDArrayBacked": lambda *a: len(a) == 3 and _is_int(a[1]) and a[2] is None,
    "BlockManager": lambda *a: len(a) == 2 and type(a[0]) in (tuple, list) and type(a[1]) is list,
    "BlockPlacement": lambda *a: len(a) == 1 and _is_placement(a[0]),
    "new_block": lambda *a: len(a) == 3 and _is_block(*a),
    "_unpickle_block": lambda *a: len(a) == 3 and _is_block(*a),
    "StringDtype": lambda *a: len(a) <= 2 and all(isinstance(part, str | float) or part is pd.NA for part in a),
    "DatetimeTZDtype": _is_plain,
    "_unpickle_timestamp": _is_plain,
    "_timedelta_unpickle": _is_plain,
    "_nat_unpickle": _is_plain,
    "__nat_unpickle": _is_plain,
}
"""Whether arguments have the form that pandas writes, by the name of what is called."""
