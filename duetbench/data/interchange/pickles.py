"""Reads pickled pandas tables without running code from the file.

Loading a pickle calls any function that the file names. Here a file may name only the classes and functions that pandas
and numpy use to store a table; any other name is refused before it is imported.
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
"""Names that pandas 1 to 3 write for a table."""

_OTHER_NAMES = frozenset(
    {
        *((module, name) for module in ("builtins", "__builtin__") for name in ("slice", "bytearray", "object")),
        *((module, "_reconstructor") for module in ("copyreg", "copy_reg")),  # creates objects of classes listed here
        *(("datetime", name) for name in ("datetime", "date", "timedelta", "timezone")),
        *(("numpy", name) for name in ("dtype", "ndarray")),
        # `_core` in numpy 2, `core` in numpy 1.
        *((f"numpy.{core}.multiarray", name) for core in ("_core", "core") for name in ("_reconstruct", "scalar")),
        *((f"numpy.{core}.numeric", "_frombuffer") for core in ("_core", "core")),
        *(("pyarrow.lib", name) for name in ("type_for_alias", "chunked_array", "_restore_array", "py_buffer")),
    }
)


def _is_part_of_table(module: str, name: str) -> bool:
    """Whether pandas or numpy use this name to store a table."""
    if name in _PANDAS_NAMES:
        return any(module == known or (known.endswith(".") and module.startswith(known)) for known in _PANDAS_MODULES)
    return (module, name) in _OTHER_NAMES


class UnsafePickle(DataError):
    """A pickle that refers to something that is not part of a table."""


def read_pickle(path: Path) -> pd.DataFrame:
    """The pandas table in a pickle.

    Raises:
        UnsafePickle: the pickle refers to something that is not pandas or numpy data.
        DataError: the file is damaged, or is not a pickled table.
        MissingDependency: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingDependency(f"{path} needs pandas: pip install pandas") from error
    try:
        table = _unpickler(io.BytesIO(path.read_bytes()), path).load()
    except UnsafePickle:
        raise
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except Exception as error:  # a damaged pickle may raise any error
        raise DataError(f"{path} is not an intact pickled table: {type(error).__name__}: {error}") from error
    if not isinstance(table, pd.DataFrame):
        raise DataError(f"{path} contains a {type(table).__name__}, expected a pandas table")
    return table


def _unpickler(stream: io.BytesIO, path: Path) -> pickle._Unpickler:
    # pandas' unpickler maps names of older versions to current ones; as a Python class it calls find_class for each.
    from pandas.compat.pickle_compat import Unpickler  # type: ignore[import-untyped]

    class Restricted(Unpickler):  # type: ignore[misc]
        def find_class(self, module: str, name: str) -> Any:
            if (module, name) == ("_codecs", "encode"):
                return _encode
            if not _is_part_of_table(module, name):
                raise UnsafePickle(
                    f"{path} refers to {module}.{name}, which is not part of a table; it is refused because loading it "
                    f"could run arbitrary code: get the table as Parquet"
                )
            return super().find_class(module, name)

    return Restricted(stream)


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """What `_codecs.encode` does, for the encodings in which old pickles store bytes."""
    if encoding not in ("latin1", "utf-8", "ascii"):
        raise UnsafePickle(f"a pickle uses the encoding '{encoding}', expected latin1, utf-8 or ascii")
    return text.encode(encoding)
