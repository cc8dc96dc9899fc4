"""JSON lines to frames, parsed by DuckDB. Only where a row came out odd is its line looked at again.

DuckDB parses a field that it cannot read, and a whole line that it cannot read, as null: so no line costs its
neighbours, and rows and lines count alike. What was wrong with a line is told from the line itself, which few rows
need.
"""

from __future__ import annotations

import glob
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from duetbench.data.readers.compressed import numbered_lines, plain_files
from duetbench.data.readers.validation import RowCounts, SourceLocation, stop_if_mostly_unreadable
from duetbench.errors import DataError

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

BATCH_ROWS = 8_192
"""Rows taken from the parser at a time, a multiple of its 2,048."""
FRAME_BYTES = 24 << 20
"""How much is gathered into one frame: many small ones cost more than they save memory."""
_THREADS = 4  # more parse faster than anybody uses the rows, and each has buffers of its own
_LINE_BYTES = (16 << 20, 128 << 20)  # what a line may take: a parser's buffers hold two of the longest
_ODD = "duetbench: is odd"
_SQL: dict[pl.DataType, str] = {
    pl.Float64(): "TRY_CAST(CAST({0} AS VARCHAR) AS DOUBLE)",
    # A fraction would be rounded.
    pl.Int64(): "CASE WHEN NOT (contains({0}::VARCHAR, '.') OR contains({0}::VARCHAR, 'e')) "
    "THEN TRY_CAST({0}::VARCHAR AS BIGINT) END",
    pl.List(pl.String()): "TRY_CAST({0} AS VARCHAR[])",
}
"""From a field's JSON to its value, null where it is of another type; text is taken as it comes."""


def read_json_lines(
    path: Path, schema: Mapping[str, pl.DataType], tally: RowCounts
) -> Iterator[tuple[pl.DataFrame, SourceLocation]]:
    """The file's rows in order, part by part; a field that a line lacks is null, unreadable lines are tallied.

    A value of another type where text is due is kept as its JSON, numbers with a fraction written anew (1.10 is 1.1);
    of a field that stands twice the first counts. Where there are blank lines, a place's line is too low by as many.

    Raises:
        DataError: the file is damaged, or mostly no JSON lines; two fields of the schema differ in case alone.
    """
    _check_names(path, schema)
    lines = _Lines(path)
    n_rows = n_bad = 0
    for frame in _frames(path, _values(schema)):
        bad = []
        for row in frame[_ODD].arg_true():
            number, line = lines.at(n_rows + row)
            if fault := _what_is_wrong(line, schema):
                bad.append(row)
                tally.drop(fault, 1, f"{path.name} line {number}")
                n_bad += 1
                stop_if_mostly_unreadable(path, n_bad, number, tally)
        sound = frame.drop(_ODD)
        yield _without(sound, bad) if bad else sound, SourceLocation(path.name, n_rows + 1)
        n_rows += frame.height


def _check_names(path: Path, schema: Mapping[str, pl.DataType]) -> None:
    """DuckDB does not tell names apart that differ in case alone."""
    alike = [name for name, count in Counter(name.lower() for name in schema).items() if count > 1]
    if alike or "" in schema:
        what = f"more than one field named {alike[0]}, small and capital letters aside" if alike else "a nameless field"
        raise DataError(f"{path}: {what} cannot be read; rename")


def json_columns(path: Path) -> list[str]:
    """Names of the fields that the file's lines have, in the order in which they come.

    Raises:
        DataError: the file is damaged, or no line is a JSON object.
    """
    names: dict[str, None] = {}
    for frame in _frames(path, _NAMES):
        for found in frame["names"].drop_nulls().unique(maintain_order=True):
            names |= dict.fromkeys(json.loads(found))
    if not names:
        raise DataError(f"{path} holds no JSON lines with fields")
    return list(names)


class _Lines:
    """Lines by the rows that they became, which have to be asked for in order."""

    def __init__(self, path: Path) -> None:
        self._lines = enumerate(numbered_lines(path))

    def at(self, row: int) -> tuple[int, bytes]:
        """The line's number in the file, and the line."""
        return next(found for place, found in self._lines if place == row)


def _what_is_wrong(line: bytes, schema: Mapping[str, pl.DataType]) -> str | None:
    """None for a line that holds none of the fields, which is no fault of the line's."""
    try:
        value = json.loads(line.decode("utf-8"))
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # an escaped half of a character pair is none
    except UnicodeError:
        return "invalid UTF-8"
    except (ValueError, RecursionError):
        return "malformed line"
    if not isinstance(value, dict):
        return "malformed line"
    return "ill-typed field" if any(value.get(name) is not None for name in schema) else None


def _without(frame: pl.DataFrame, rows: list[int]) -> pl.DataFrame:
    kept = pl.repeat(True, frame.height, eager=True).scatter(rows, False)
    return frame.filter(kept)


class _Query(NamedTuple):
    """What is asked of each line."""

    columns: dict[str, str]
    """Fields with their types; or one of any name for the whole line, if a line is no record."""
    projection: str
    is_record: bool = True


_NAMES = _Query(
    {"line": "JSON"},
    "CASE WHEN json_type(line) = 'OBJECT' THEN CAST(to_json(json_keys(line)) AS VARCHAR) END AS names",
    is_record=False,
)


def _frames(path: Path, query: _Query) -> Iterator[pl.DataFrame]:
    """All rows in order.

    Raises:
        DataError: the file is damaged, or holds a line that is too long.
    """
    import duckdb

    # Nothing but the file that it is given, and not a word on the terminal.
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": min(_THREADS, os.cpu_count() or 1),
        "arrow_large_buffer_size": True,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    with duckdb.connect(config=config) as connection:
        connection.execute("SET enable_progress_bar = false")
        for plain in plain_files(path):
            try:
                yield from _parsed(connection, plain, query)
            except _LineTooLong:
                longest = _LINE_BYTES[-1] >> 20
                raise DataError(f"{path} holds a line of over {longest} MB, as no review is: remove it") from None
            except duckdb.Error as error:
                raise DataError(f"{path} cannot be read: {' '.join(str(error).split())[:300]}") from error


class _LineTooLong(Exception):
    """A line does not fit into the parser's largest buffers."""


def _parsed(connection: duckdb.DuckDBPyConnection, plain: Path, query: _Query) -> Iterator[pl.DataFrame]:
    """The rows of a plain file; read again with larger buffers where a line wants them."""
    import duckdb

    n_done = 0
    for line_bytes in _LINE_BYTES:
        n_known = n_done
        try:
            for frame in _parsed_once(connection, plain, query, line_bytes):
                fresh = frame.slice(min(n_known, frame.height))
                n_known -= frame.height - fresh.height
                n_done += fresh.height
                yield fresh
            return
        except (duckdb.Error, OSError) as error:
            # The second comes by way of Arrow's stream, whatever DuckDB has to say.
            if '"maximum_object_size" of' not in str(error):
                raise duckdb.Error(str(error)) from error
    raise _LineTooLong


def _parsed_once(
    connection: duckdb.DuckDBPyConnection, plain: Path, query: _Query, line_bytes: int
) -> Iterator[pl.DataFrame]:
    rows = connection.read_json(
        glob.escape(str(plain)),
        columns=query.columns,
        format="newline_delimited",
        records="true" if query.is_record else "false",
        ignore_errors=True,
        maximum_object_size=line_bytes,
        compression="none",
        hive_partitioning=False,
    )
    yield from _gathered(rows.project(query.projection).to_arrow_reader(BATCH_ROWS))


def _gathered(batches: Iterator[pa.RecordBatch]) -> Iterator[pl.DataFrame]:
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    n_bytes = 0
    for batch in batches:
        held.append(batch)
        n_bytes += batch.nbytes
        if n_bytes >= FRAME_BYTES:
            yield _frame(pa.Table.from_batches(held))
            held, n_bytes = [], 0
    if held:
        yield _frame(pa.Table.from_batches(held))


def _frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table, rechunk=False)
    assert isinstance(frame, pl.DataFrame)
    return frame


def _values(schema: Mapping[str, pl.DataType]) -> _Query:
    """The values, and whether a row is odd: a value is of another type, or there is none at all."""
    columns = {name: "VARCHAR" if dtype == pl.String() else "JSON" for name, dtype in schema.items()}
    raw = [_quoted(name) for name in schema]
    read = [_SQL.get(dtype, "{0}").format(field) for field, dtype in zip(raw, schema.values(), strict=True)]
    fields = list(zip(raw, read, strict=True))
    odd = [f"{field} IS NOT NULL AND ({value}) IS NULL" for field, value in fields if value != field]
    odd.append(" AND ".join(f"{field} IS NULL" for field in raw))
    values = [f"{value} AS {field}" for field, value in fields]
    return _Query(columns, f"{', '.join(values)}, ({') OR ('.join(odd)}) AS {_quoted(_ODD)}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
