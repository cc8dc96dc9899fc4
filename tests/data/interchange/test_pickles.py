"""A pickled table is read; a pickle that does anything else is refused, and does no harm."""

from __future__ import annotations

import gzip
import pickle
import struct
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from duetbench.data.interchange.pickles import UnsafePickle, read_pickle
from duetbench.errors import DataError

pd = pytest.importorskip("pandas")
checks = pytest.importorskip("duetbench.data.interchange.pickle_checks")

MARK = b"("


def table() -> Any:
    """All kinds of columns that the field's released tables have, and some more."""
    return pd.DataFrame(
        {
            "user_id": ["a", "b", None],
            "ratings": [5.0, 4.0, 3.0],
            "helpful": [[0, 1], [2, 3], [4, 4]],
            "date": pd.to_datetime(["2021-01-01", "2021-01-02", "2021-01-03"]),
            "zoned": pd.to_datetime(["2021-01-01"] * 3).tz_localize("UTC"),
            "stars_y": pd.array([1, 2, None], dtype="Int64"),
            "share": pd.array([0.5, None, 1], dtype="Float64"),
            "city": pd.Categorical(["x", "y", "x"]),
            "open": [True, False, True],
            "known": pd.array([True, None, False], dtype="boolean"),
            "spent": pd.to_timedelta([1, 2, 3], unit="D"),
            "fields": [{"a": 1}, {}, {"b": [2]}],
            "mixed": np.array([np.int64(1), np.float64(2.5), datetime(2021, 1, 1)], dtype=object),
            "stamps": np.array([pd.Timestamp("2021-01-01"), pd.NaT, pd.NA], dtype=object),
            "vectors": np.array([np.array([1, 2]), np.array(["q"], dtype=object), None], dtype=object),
        }
    )


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("index", [None, "user_id", "date", "city", "stars_y", "spent", ["user_id", "open"]])
def test_pandas_tables_pass_the_checks(protocol: int, index: Any) -> None:
    frame = table() if index is None else table().set_index(index)
    loaded = checks.TableUnpickler(pickle.dumps(frame, protocol=protocol)).load()
    pd.testing.assert_frame_equal(loaded, frame)


@pytest.mark.parametrize("version", ["1.5", "2.2"])
def test_tables_of_older_pandas_pass_the_checks(version: str) -> None:
    content = (Path(__file__).parent / f"pandas-{version}.pkl").read_bytes()
    loaded = checks.TableUnpickler(content).load()
    assert loaded["ratings"].to_list() == [5.0, 4.0, 3.0]
    assert loaded["zoned"].dt.year.to_list() == [2021] * 3


def test_a_table_becomes_plain_columns(tmp_path: Path) -> None:
    table().drop(columns=["mixed", "stamps", "vectors"]).to_pickle(tmp_path / "a.pkl")
    frame = read_pickle(tmp_path / "a.pkl")
    assert frame["user_id"].to_list() == ["a", "b", None]
    assert frame["ratings"].to_list() == [5.0, 4.0, 3.0]
    assert frame["stars_y"].to_list() == [1, 2, None]


def test_named_index_levels_are_columns_and_gz_is_unpacked(tmp_path: Path) -> None:
    frame = table()[["user_id", "open", "ratings"]].set_index(["user_id", "open"])
    (tmp_path / "a.pkl.gz").write_bytes(gzip.compress(pickle.dumps(frame)))
    assert sorted(read_pickle(tmp_path / "a.pkl.gz").columns) == ["open", "ratings", "user_id"]


def _refuse(program: bytes) -> str:
    with pytest.raises(checks.Refused) as caught:
        checks.TableUnpickler(program).load()
    return str(caught.value)


def _call(module: str, name: str, *arguments: Any) -> bytes:
    """A pickle that calls a name with plain arguments, or with programs (bytes that begin with the mark below)."""
    return _program(module, name, *arguments) + b"."


def _program(module: str, name: str, *arguments: Any) -> bytes:
    body = b"".join(
        argument.code if isinstance(argument, Code) else pickle.dumps(argument, 2)[2:-1] for argument in arguments
    )
    return f"c{module}\n{name}\n".encode() + MARK + body + b"tR"


class Code:
    """Instructions that push one value."""

    def __init__(self, code: bytes) -> None:
        self.code = code


def _name(module: str, name: str) -> Code:
    return Code(f"c{module}\n{name}\n".encode())


INDEXES = "pandas.core.indexes.base"
OBJECT = _name("builtins", "object")
OBJECTS = Code(_program("numpy", "dtype", "O8", False, True))
NUMBERS = Code(_program("numpy", "dtype", "i8", False, True))
EMPTY = Code(_program("numpy._core.multiarray", "_reconstruct", _name("numpy", "ndarray"), (0,), b"b"))


def _build(target: Code, state: Any) -> bytes:
    pushed = state.code if isinstance(state, Code) else pickle.dumps(state, 2)[2:-1]
    return target.code + pushed + b"b."


def _tuple(*parts: Any) -> Code:
    body = b"".join(part.code if isinstance(part, Code) else pickle.dumps(part, 2)[2:-1] for part in parts)
    return Code(MARK + body + b"t")


class Malicious:
    """Runs a command when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        import os

        return os.system, (f"touch {self.path}",)


NAMES = {
    "eval": b"cbuiltins\neval\n(S'1+1'\ntR.",
    "getattr": b"cbuiltins\ngetattr\n.",
    "eval by pandas": b"cpandas\neval\n(S'1+1'\ntR.",
    "read_pickle": b"cpandas\nread_pickle\n.",
    "a method": b"cpandas.core.frame\nDataFrame.eval\n.",
    "a module that imports the class": b"cpandas.io.common\nDataFrame\n.",
    "numpy.load": b"cnumpy\nload\n.",
    "a known name of another module": b"cos\nDataFrame\n.",
    "an extension code": b"\x82\x01.",
    "a persistent id": b"Pabc\n.",
    "an instance by its class": b"(icollections\nOrderedDict\n.",
}
ARGUMENTS = {
    "another codec": b"c_codecs\nencode\n(S'x'\nS'rot13'\ntR.",
    "an array over foreign bytes": _call("numpy", "ndarray", (4,), OBJECTS, b"A" * 32),
    "objects from a buffer": _call("numpy._core.numeric", "_frombuffer", b"A" * 32, OBJECTS, (4,), "C"),
    "objects as a scalar": _call("numpy._core.multiarray", "scalar", OBJECTS, b"A" * 8),
    "a longer array than its bytes": _build(EMPTY, _tuple(1, (4,), NUMBERS, False, b"A" * 8)),
    "objects from bytes": _build(EMPTY, _tuple(1, (1,), OBJECTS, False, b"A" * 8)),
    "a second state": _build(
        Code(_build(EMPTY, _tuple(1, (1,), NUMBERS, False, b"A" * 8))[:-1]), _tuple(1, (0,), NUMBERS, False, b"")
    ),
    "a huge empty array": _call("numpy._core.multiarray", "_reconstruct", _name("numpy", "ndarray"), (1 << 40,), b"b"),
    "a class to reconstruct": _call("copyreg", "_reconstructor", _name("pandas", "Index"), OBJECT, 0),
    "fields in a data type": _build(NUMBERS, (3, "|", None, ("a",), {"a": 1}, 8, 1, 0)),
    "flags of a data type": _build(NUMBERS, (3, "<", None, None, None, 1 << 20, 1, 0)),
    "a void data type": _call("numpy", "dtype", "V8", False, True),
    "slots of a class": _build(_name("pandas", "Index"), (None, {"name": "harm"})),
    "attributes of a class": _build(_name("pandas", "DataFrame"), {"_typ": "harm"}),
    "slots of an object": _build(Code(b"cpandas\nDataFrame\n)\x81"), (None, {"_mgr": 1})),
    "an unknown attribute": _build(Code(b"cpandas\nDataFrame\n)\x81"), {"to_dict": 1}),
    "a table without blocks": _build(Code(b"cpandas\nDataFrame\n)\x81"), {"_mgr": [1]}),
    "memory by a number": _call("builtins", "bytearray", 1 << 40),
    "a table by its constructor": _call("pandas", "DataFrame", {"a": [1]}),
    "entries of an object": b"cpandas\nDataFrame\n)\x81(S'a'\nI1\nu.",
    "entries of a class": b"cpandas\nIndex\nS'a'\na.",
    "another content of an index": _call(INDEXES, "_new_Index", _name("pandas", "MultiIndex"), {"x": 1}),
    "a type instead of an index": _call(INDEXES, "_new_Index", _name("pandas", "DataFrame"), {"data": [1]}),
    "text from a foreign buffer": _call("pyarrow.lib", "_restore_array", (1, 5, 0, 0, [], [], None)),
}  # fmt: skip


@pytest.mark.parametrize("program", NAMES.values(), ids=NAMES)
def test_what_is_not_part_of_a_table_is_refused(program: bytes) -> None:
    _refuse(program)


@pytest.mark.parametrize("program", ARGUMENTS.values(), ids=ARGUMENTS)
def test_known_names_with_other_arguments_are_refused(program: bytes) -> None:
    _refuse(program)


def test_refused_pickles_change_nothing_in_the_process() -> None:
    name = pd.Index.name
    _refuse(ARGUMENTS["slots of a class"])
    assert pd.Index.name is name


def test_codes_without_a_category_are_refused() -> None:
    codes = pd.Categorical.from_codes([0, 65], categories=["x", "y"], validate=False)
    assert "codes without a category" in _refuse(pickle.dumps(pd.DataFrame({"a": codes})))


def _file(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "a.pkl"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "wrap", [lambda value: value, lambda value: pd.DataFrame({"a": np.array([value], dtype=object)})]
)
def test_a_malicious_value_is_refused_and_does_not_run(tmp_path: Path, wrap: Callable[[Any], Any]) -> None:
    path = _file(tmp_path, pickle.dumps(wrap(Malicious(tmp_path / "harm"))))
    with pytest.raises(UnsafePickle, match=r"refers to .*system; .*refused.*Parquet"):
        read_pickle(path)
    assert not (tmp_path / "harm").exists()


def test_memory_is_limited(tmp_path: Path) -> None:
    path = _file(tmp_path, b"\x80\x05\x96" + struct.pack("<Q", 1 << 36) + b".")  # a byte array of 64 GB
    with pytest.raises(UnsafePickle, match=r"needs more than 1,\d\d\d MB"):
        read_pickle(path)


def test_time_is_limited(tmp_path: Path) -> None:
    with pytest.raises(UnsafePickle, match="is not read after 0 s"):
        read_pickle(_file(tmp_path, pickle.dumps(table())), base_seconds=0.01)


def test_a_process_that_crashes_is_an_error_of_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess
    import sys

    from duetbench.data.interchange import pickles

    crash = [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"]
    monkeypatch.setattr(pickles, "_run", lambda *_: subprocess.run(crash, capture_output=True, check=False))
    with pytest.raises(UnsafePickle, match="SIGSEGV"):
        read_pickle(_file(tmp_path, b"."))


def test_a_damaged_pickle_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not an intact pickled table"):
        read_pickle(_file(tmp_path, pickle.dumps(table())[:-50]))


def test_a_pickle_of_something_else_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="contains a list, expected a pandas table"):
        read_pickle(_file(tmp_path, pickle.dumps([1, 2])))
