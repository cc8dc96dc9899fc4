"""Reads JSON lines into frames. DuckDB parses them; only the lines of suspect rows are read a second time.

DuckDB returns null for a field or a complete line that it cannot parse, so a bad line does not affect its neighbours
and row numbers equal line numbers (without blank lines). The kind of fault is found by parsing the line itself again,
which few rows need.
"""

from __future__ import annotations

import glob
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from duetbench.data.readers.compressed import read_numbered_lines, unpack
from duetbench.data.readers.duckdb_frames import connect, stream_frames
from duetbench.data.readers.validation import RowCounts, SourceLocation, raise_if_mostly_unreadable
from duetbench.errors import DataError

if TYPE_CHECKING:
    import duckdb

_MAX_LINE_BYTES = (16 << 20, 128 << 20)  # tried in order; a thread's buffer has room for two lines of this size
_SUSPECT = "duetbench: is suspect"
_SQL: dict[pl.DataType, str] = {
    pl.Float64(): "TRY_CAST(CAST({0} AS VARCHAR) AS DOUBLE)",
    # DuckDB would round a fraction.
    pl.Int64(): "CASE WHEN NOT (contains({0}::VARCHAR, '.') OR contains({0}::VARCHAR, 'e')) "
    "THEN TRY_CAST({0}::VARCHAR AS BIGINT) END",
    pl.List(pl.String()): "TRY_CAST({0} AS VARCHAR[])",
}
"""SQL that converts a field's JSON to a value, null if it has another type; text needs no conversion."""


def read_json_lines(
    path: Path, schema: Mapping[str, pl.DataType], row_counts: RowCounts
) -> Iterator[tuple[pl.DataFrame, SourceLocation]]:
    """The file's rows in order, part by part; missing fields are null, unreadable lines are counted in `row_counts`.

    A value of another type in a text field is kept as its JSON, with numbers reformatted (1.10 becomes 1.1). If a field
    occurs twice in a line, the first one is used. The line of a `SourceLocation` is too low by the number of blank
    lines before it.

    Raises:
        DataError: the file is damaged, most of its lines are not JSON, or two fields of the schema differ in case only.
    """
    _check_names(path, schema)
    lines = _LineReader(path)
    n_rows = n_unreadable = 0
    for frame in _read_frames(path, _value_query(schema)):
        unreadable = []
        for row in frame[_SUSPECT].arg_true():
            number, line = lines.line_of_row(n_rows + row)
            if fault := _find_fault(line, schema):
                unreadable.append(row)
                row_counts.drop(fault, 1, f"{path.name} line {number}")
                n_unreadable += 1
                raise_if_mostly_unreadable(path, n_unreadable, number, row_counts)
        values = frame.drop(_SUSPECT)
        yield _without_rows(values, unreadable) if unreadable else values, SourceLocation(path.name, n_rows + 1)
        n_rows += frame.height


def _check_names(path: Path, schema: Mapping[str, pl.DataType]) -> None:
    """Raises DataError for names that DuckDB cannot read: it ignores case, and a name must not be empty."""
    duplicates = [name for name, count in Counter(name.lower() for name in schema).items() if count > 1]
    if duplicates:
        raise DataError(f"{path} has several fields named {duplicates[0]} that differ in case only: rename them")
    if "" in schema:
        raise DataError(f"{path} has a field without a name: rename it")


def read_json_columns(path: Path) -> list[str]:
    """Names of all fields of the file's lines, in the order of their first occurrence.

    Raises:
        DataError: the file is damaged, or no line is a JSON object.
    """
    names: dict[str, None] = {}
    for frame in _read_frames(path, _NAME_QUERY):
        for encoded in frame["names"].drop_nulls().unique(maintain_order=True):
            names |= dict.fromkeys(json.loads(encoded))
    if not names:
        raise DataError(f"{path} has no JSON lines with fields")
    return list(names)


class _LineReader:
    """Finds lines by row number; rows must be requested in ascending order."""

    def __init__(self, path: Path) -> None:
        self._lines = enumerate(read_numbered_lines(path))

    def line_of_row(self, row: int) -> tuple[int, bytes]:
        """The number in the file and the bytes of the line that became this row."""
        return next(numbered for position, numbered in self._lines if position == row)


def _find_fault(line: bytes, schema: Mapping[str, pl.DataType]) -> str | None:
    """The kind of fault; None for a valid line that has none of the schema's fields."""
    try:
        value = json.loads(line.decode("utf-8"))
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # fails on an escaped single surrogate
    except UnicodeError:
        return "invalid UTF-8"
    except (ValueError, RecursionError):
        return "malformed line"
    if not isinstance(value, dict):
        return "malformed line"
    return "field of the wrong type" if any(value.get(name) is not None for name in schema) else None


def _without_rows(frame: pl.DataFrame, rows: list[int]) -> pl.DataFrame:
    kept = pl.repeat(True, frame.height, eager=True).scatter(rows, False)
    return frame.filter(kept)


class _Query(NamedTuple):
    """What DuckDB returns for each line."""

    columns: dict[str, str]
    """The fields and their SQL types. If `is_record` is False: one column, of any name, for the complete line."""
    projection: str
    is_record: bool = True


_NAME_QUERY = _Query(
    {"line": "JSON"},
    "CASE WHEN json_type(line) = 'OBJECT' THEN CAST(to_json(json_keys(line)) AS VARCHAR) END AS names",
    is_record=False,
)


def _read_frames(path: Path, query: _Query) -> Iterator[pl.DataFrame]:
    """All rows in order.

    Raises:
        DataError: the file is damaged, or has a line that is too long.
    """
    import duckdb

    with connect() as connection:
        for plain in unpack(path):
            try:
                yield from _parse(connection, plain, query)
            except _LineTooLong:
                raise DataError(f"{path} has a line of over {_MAX_LINE_BYTES[-1] >> 20} MB: remove it") from None
            except duckdb.Error as error:
                raise DataError(f"{path} cannot be read: {' '.join(str(error).split())[:300]}") from error


class _LineTooLong(Exception):
    """A line does not fit into the parser's largest buffer."""


def _parse(connection: duckdb.DuckDBPyConnection, plain: Path, query: _Query) -> Iterator[pl.DataFrame]:
    """The rows of a plain file; if a line is too long for the buffers, the file is read again with larger ones."""
    import duckdb

    n_yielded = 0
    for max_line_bytes in _MAX_LINE_BYTES:
        n_to_skip = n_yielded
        try:
            for frame in _parse_once(connection, plain, query, max_line_bytes):
                fresh = frame.slice(min(n_to_skip, frame.height))
                n_to_skip -= frame.height - fresh.height
                n_yielded += fresh.height
                yield fresh
            return
        except (duckdb.Error, OSError) as error:
            # An error in the middle of a stream is raised as Arrow's OSError with DuckDB's message.
            if '"maximum_object_size" of' not in str(error):
                raise duckdb.Error(str(error)) from error
    raise _LineTooLong


def _parse_once(
    connection: duckdb.DuckDBPyConnection, plain: Path, query: _Query, max_line_bytes: int
) -> Iterator[pl.DataFrame]:
    rows = connection.read_json(
        glob.escape(str(plain)),
        columns=query.columns,
        format="newline_delimited",
        records="true" if query.is_record else "false",
        ignore_errors=True,
        maximum_object_size=max_line_bytes,
        compression="none",
        hive_partitioning=False,
    )
    yield from stream_frames(rows.project(query.projection))


def _value_query(schema: Mapping[str, pl.DataType]) -> _Query:
    """A query for the values, and for whether a row is suspect: a value has another type, or all are missing."""
    columns = {name: "VARCHAR" if dtype == pl.String() else "JSON" for name, dtype in schema.items()}
    fields = [_quote(name) for name in schema]
    values = [_SQL.get(dtype, "{0}").format(field) for field, dtype in zip(fields, schema.values(), strict=True)]
    pairs = list(zip(fields, values, strict=True))
    suspect = [f"{field} IS NOT NULL AND ({value}) IS NULL" for field, value in pairs if value != field]
    suspect.append(" AND ".join(f"{field} IS NULL" for field in fields))
    selected = [f"{value} AS {field}" for field, value in pairs]
    return _Query(columns, f"{', '.join(selected)}, ({') OR ('.join(suspect)}) AS {_quote(_SUSPECT)}")


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
