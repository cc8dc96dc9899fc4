"""Opens pickled pandas tables without running anybody's code.

A pickle is a program: loading one calls whatever it names. Here it may name only what pandas and numpy themselves
write for a table; anything else is refused before it is looked up.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duetbench.errors import DataError, MissingDependency

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

_PANDAS_MODULES = ("pandas", "pandas.arrays", "pandas.core.", "pandas._libs.")
_PANDAS_NAMES = frozenset(
    {
        "DataFrame", "Series", "NA", "BlockManager", "SingleBlockManager", "BlockPlacement", "new_block",
        "_unpickle_block", "Index", "RangeIndex", "MultiIndex", "Int64Index", "UInt64Index", "Float64Index",
        "CategoricalIndex", "DatetimeIndex", "TimedeltaIndex", "_new_Index", "_new_DatetimeIndex",
        "_new_TimedeltaIndex", "__pyx_unpickle_NDArrayBacked", "DatetimeArray", "TimedeltaArray", "Categorical",
        "IntegerArray", "FloatingArray", "BooleanArray", "StringArray", "ArrowStringArray",
        "ArrowStringArrayNumpySemantics", "CategoricalDtype", "DatetimeTZDtype", "BooleanDtype", "StringDtype",
        "Int64Dtype", "Int32Dtype", "Float64Dtype", "Float32Dtype", "_unpickle_timestamp", "_timedelta_unpickle",
        "_nat_unpickle", "C_NA",
    }
)  # fmt: skip
"""What pandas 1 to 3 write for a table, under the names that it has had."""

_OTHERS = frozenset(
    {
        *((module, name) for module in ("builtins", "__builtin__") for name in ("slice", "bytearray", "object")),
        *((module, "_reconstructor") for module in ("copyreg", "copy_reg")),  # makes objects of classes named here
        *(("datetime", name) for name in ("datetime", "date", "timedelta", "timezone")),
        *(("numpy", name) for name in ("dtype", "ndarray")),
        # numpy 2 and numpy 1 call the same package differently.
        *((f"numpy.{core}.multiarray", name) for core in ("_core", "core") for name in ("_reconstruct", "scalar")),
        *((f"numpy.{core}.numeric", "_frombuffer") for core in ("_core", "core")),
        *(("pyarrow.lib", name) for name in ("type_for_alias", "chunked_array", "_restore_array", "py_buffer")),
    }
)


def _is_data(module: str, name: str) -> bool:
    """Whether a name is one of a table's own parts."""
    if name in _PANDAS_NAMES:
        return any(module == known or (known.endswith(".") and module.startswith(known)) for known in _PANDAS_MODULES)
    return (module, name) in _OTHERS


class UnsafePickle(DataError):
    """A pickle that names more than a table needs."""


def read_pickle(path: Path) -> pd.DataFrame:
    """The table in a pickle of pandas.

    Raises:
        UnsafePickle: it names anything but pandas and numpy data.
        DataError: it is damaged, no pickle, or no table.
        MissingDependency: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingDependency(f"{path} needs pandas: pip install pandas") from error
    try:
        found = _unpickler(io.BytesIO(path.read_bytes()), path).load()
    except UnsafePickle:
        raise
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except Exception as error:  # a damaged pickle may fail in any way at all
        raise DataError(f"{path} is no intact pickle of a table: {type(error).__name__}: {error}") from error
    if not isinstance(found, pd.DataFrame):
        raise DataError(f"{path} holds a {type(found).__name__}, not a table")
    return found


def _unpickler(stream: io.BytesIO, path: Path) -> pickle._Unpickler:
    # pandas' own reader knows where names of older versions went; it is Python code, so that every name passes here.
    from pandas.compat.pickle_compat import Unpickler  # type: ignore[import-untyped]

    class Restricted(Unpickler):  # type: ignore[misc]
        def find_class(self, module: str, name: str) -> Any:
            if (module, name) == ("_codecs", "encode"):
                return _encode
            if not _is_data(module, name):
                raise UnsafePickle(
                    f"{path} wants to call {module}.{name}, which no table needs: it is refused, since loading it "
                    f"could run anything; ask its author for Parquet"
                )
            return super().find_class(module, name)

    return Restricted(stream)


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """How old pickles spell bytes."""
    if encoding not in ("latin1", "utf-8", "ascii"):
        raise UnsafePickle(f"a pickle asks for the encoding '{encoding}'")
    return text.encode(encoding)
