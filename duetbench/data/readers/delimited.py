"""Reads delimited text: CSV, TSV, and tables with other separators. All fields are text.

DuckDB parses a table in strict mode, which fails at the first fault. From a table with a fault, the rows after those
already read come from Python's csv module, which is slower and reports every fault with its line.
"""

from __future__ import annotations

import codecs
import glob
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import polars as pl

from duetbench.data.readers.compressed import unpack
from duetbench.data.readers.delimited_rows import DelimitedRows, long_fields_allowed
from duetbench.data.readers.duckdb_frames import connect, stream_frames
from duetbench.data.readers.validation import RowCounts, SourceLocation
from duetbench.errors import UsageError

UTF_8 = "UTF-8"
_ROWS_PER_PART = 50_000


@dataclass(frozen=True, slots=True)
class DelimitedFormat:
    """How a delimited table is written."""

    separator: str = ","
    """One character, or several; with several, fields have no quotes and every line is a row."""
    columns: tuple[str, ...] = ()
    """Names of all columns, of a table that does not begin with a line of names; "" leaves a column out."""
    encoding: str = UTF_8
    escape: str | None = None
    """The character before a quote inside of quotes; None: such a quote is doubled."""


def normalize_encoding(name: str) -> str:
    """Python's name of a text encoding, or `UTF_8`.

    Raises:
        UsageError: there is no such encoding.
    """
    try:
        "".encode(name)
    except LookupError as error:
        raise UsageError(
            f"--encoding: no text encoding is named '{name}'; common ones: utf-8, latin-1, cp1252, utf-16"
        ) from error
    normalized = codecs.lookup(name).name
    return UTF_8 if normalized in ("utf-8", "utf-8-sig") else normalized


def read_delimited_columns(path: Path, form: DelimitedFormat) -> list[str]:
    """The names of the table's columns, without spaces around them; "" where a column has no name.

    Raises:
        DataError: the first line is missing or not text, or a name occurs twice.
    """
    return _rows(path, form).names


def read_delimited(path: Path, form: DelimitedFormat, row_counts: RowCounts) -> pl.DataFrame:
    """The table; see `read_delimited_parts`."""
    empty = pl.DataFrame(schema=dict.fromkeys(filter(None, read_delimited_columns(path, form)), pl.String()))
    return pl.concat([empty, *(part for part, _ in read_delimited_parts(path, form, row_counts))])


def read_delimited_parts(
    path: Path, form: DelimitedFormat, row_counts: RowCounts
) -> Iterator[tuple[pl.DataFrame, SourceLocation]]:
    """The table's rows in order, part by part; empty fields are null.

    Blank lines and rows of empty fields are skipped, invalid lines are counted in `row_counts`. The line of a
    `SourceLocation` is too low by the number of skipped and invalid lines before it.

    Raises:
        DataError: the file is damaged, or most of its lines are invalid.
    """
    import duckdb

    rows = _rows(path, form)
    n_rows = 0
    if form.encoding == UTF_8:
        first_line = rows.n_lines + 1
        try:
            for frame in _strict_frames(path, form, n_columns=len(rows.names), n_header_lines=rows.n_lines):
                kept = _without_blank_rows(frame)
                yield _named(kept, rows.names), SourceLocation(path.name, first_line + n_rows)  # "" is null already
                n_rows += kept.height
        except (duckdb.Error, OSError):  # in the middle of a stream it is Arrow's OSError
            pass
        else:
            return
    yield from _counted_parts(path, rows, row_counts, n_rows)


def _rows(path: Path, form: DelimitedFormat) -> DelimitedRows:
    return DelimitedRows(path, form.separator, names=form.columns, encoding=form.encoding, escape=form.escape)


def _strict_frames(path: Path, form: DelimitedFormat, *, n_columns: int, n_header_lines: int) -> Iterator[pl.DataFrame]:
    """Frames of texts with the columns `column0`, `column1`, ...

    Raises:
        duckdb.Error, OSError: a row is invalid.
    """
    quote = '"' if len(form.separator) == 1 else ""
    with connect() as connection:
        for number, plain in enumerate(unpack(path)):
            table = connection.read_csv(
                glob.escape(str(plain)),
                auto_detect=False,
                header=False,
                skiprows=0 if number else n_header_lines,
                columns={f"column{position}": "VARCHAR" for position in range(n_columns)},
                sep=form.separator,
                quotechar=quote,
                escapechar=form.escape or quote,
                strict_mode=True,
                compression="none",
                hive_partitioning=False,
            )
            yield from stream_frames(table)


def _without_blank_rows(frame: pl.DataFrame) -> pl.DataFrame:
    first = frame.to_series(0)
    suspect = (first.is_null() | (first.str.strip_chars() == "")).arg_true()
    if not len(suspect):
        return frame
    is_blank = (
        frame[suspect].select(pl.all_horizontal(pl.all().is_null() | (pl.all().str.strip_chars() == ""))).to_series()
    )
    is_kept = pl.repeat(True, frame.height, eager=True).scatter(suspect.filter(is_blank), False)
    return frame.filter(is_kept)


def _counted_parts(
    path: Path, rows: DelimitedRows, row_counts: RowCounts, n_known: int
) -> Iterator[tuple[pl.DataFrame, SourceLocation]]:
    """The rows after the first `n_known`, with every invalid line counted."""
    schema = {f"column{position}": pl.String() for position in range(len(rows.names))}
    valid = islice(rows.valid_rows(row_counts), n_known, None)
    with long_fields_allowed():
        while True:
            location = SourceLocation(path.name, rows.n_lines + 1)
            part = list(islice(valid, _ROWS_PER_PART))
            if not part:
                return
            frame = pl.DataFrame(part, schema=schema, orient="row")
            yield _named(frame.select(pl.when(pl.all() != "").then(pl.all())), rows.names), location


def _named(frame: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    named = {column: name for column, name in zip(frame.columns, names, strict=True) if name}
    return frame.select(*named).rename(named)
