"""A pickled table is read; a pickle that refers to anything else is refused before it runs."""

from __future__ import annotations

import pickle
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from duetbench.data.interchange.pickles import UnsafePickle, read_pickle
from duetbench.errors import DataError

pd = pytest.importorskip("pandas")


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
            "city": pd.Categorical(["x", "y", "x"]),
            "open": [True, False, True],
            "mixed": np.array([np.int64(1), np.float64(2.5), datetime(2021, 1, 1)], dtype=object),
        }
    )


class Malicious:
    """Runs a command when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        import os

        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("index", [None, "user_id", "date", "city", "stars_y"])
def test_pandas_tables_are_read(tmp_path: Path, protocol: int, index: str | None) -> None:
    frame = table() if index is None else table().set_index(index)
    frame.to_pickle(tmp_path / "a.pkl", protocol=protocol)
    pd.testing.assert_frame_equal(read_pickle(tmp_path / "a.pkl"), frame)


def test_a_malicious_pickle_is_refused_and_does_not_run(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(Malicious(tmp_path / "harm")))
    with pytest.raises(UnsafePickle, match=r"refers to .*system.*refused.*Parquet"):
        read_pickle(tmp_path / "a.pkl")
    assert not (tmp_path / "harm").exists()


def test_a_malicious_value_inside_a_table_is_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": np.array([Malicious(tmp_path / "harm")], dtype=object)})
    frame.to_pickle(tmp_path / "a.pkl")
    with pytest.raises(UnsafePickle):
        read_pickle(tmp_path / "a.pkl")
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    "program",
    [
        b"cbuiltins\neval\n(S'1+1'\ntR.",
        b"cbuiltins\ngetattr\n.",
        b"cpandas\neval\n(S'1+1'\ntR.",
        b"cpandas\nread_pickle\n.",
        b"cpandas.core.frame\nDataFrame.eval\n.",
        b"cpandas.io.common\nDataFrame\n.",
        b"cnumpy\nload\n.",
        b"c_codecs\nencode\n(S'x'\nS'rot13'\ntR.",
        b"cos\nDataFrame\n.",
    ],
)
def test_names_that_are_not_part_of_a_table_are_refused(tmp_path: Path, program: bytes) -> None:
    (tmp_path / "a.pkl").write_bytes(program)
    with pytest.raises(UnsafePickle):
        read_pickle(tmp_path / "a.pkl")


def test_a_damaged_pickle_is_an_error(tmp_path: Path) -> None:
    table().to_pickle(tmp_path / "a.pkl")
    (tmp_path / "a.pkl").write_bytes((tmp_path / "a.pkl").read_bytes()[:-50])
    with pytest.raises(DataError, match="not an intact pickled table"):
        read_pickle(tmp_path / "a.pkl")


def test_a_pickle_of_something_else_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(DataError, match="contains a list, expected a pandas table"):
        read_pickle(tmp_path / "a.pkl")
