"""Tables in text, a row a line and fields between commas or tabs, read by DuckDB. All fields are text."""

from __future__ import annotations

import csv
import glob
from collections import Counter
from pathlib import Path

import polars as pl

from duetbench.data.duck import parser
from duetbench.data.lines import plain_files, read_blocks
from duetbench.data.quality import Tally
from duetbench.errors import DataError

_LINE_BYTES = 16 << 20
_KINDS = {
    "TOO MANY COLUMNS": "another number of fields",
    "MISSING COLUMNS": "another number of fields",
    "INVALID ENCODING": "invalid UTF-8",
    "LINE SIZE OVER MAXIMUM": f"line over {_LINE_BYTES >> 20} MB",
}
_UNENDED = "UNQUOTED VALUE"
_REJECTS = """
    SELECT line, first(error_type ORDER BY column_idx), max(len(string_split(trim(csv_line, E'\r\n'), E'\n')))
    FROM reject_errors GROUP BY line ORDER BY line
"""
"""Once each, with its first fault, and all lines that it holds: quotes may make one row of many lines."""


def delimited_columns(path: Path, separator: str) -> list[str]:
    """The names in the file's first line, without spaces around them.

    Raises:
        DataError: there is no such line, it is no text, or one name stands twice.
    """
    lines = next(read_blocks(path), b"").decode("utf-8", "replace").splitlines(keepends=True)
    try:
        names = [name.strip() for name in next(csv.reader(lines, delimiter=separator), [])]
    except csv.Error as error:
        raise DataError(f"{path} does not begin with names of columns: {error}") from error
    twice = [name for name, count in Counter(names).items() if count > 1 and name]
    if not any(names) or twice:
        what = f"names the column '{twice[0]}' twice" if twice else "does not begin with names of columns"
        raise DataError(f"{path} {what}")
    return names


def read_delimited(path: Path, separator: str, tally: Tally) -> pl.DataFrame:
    """The table; lines that are no row of it are tallied, blank ones passed over, empty fields are null.

    Raises:
        DataError: the file is damaged, or a quoted field does not end, which may hide any number of rows.
    """
    import duckdb

    names = delimited_columns(path, separator)
    columns = [f"column{place}" for place in range(len(names))]
    with parser() as connection:
        for plain in plain_files(path, whole=True):  # a field may hold line ends
            try:
                rows = connection.read_csv(
                    glob.escape(str(plain)),
                    header=True,
                    columns=dict.fromkeys(columns, "VARCHAR"),
                    auto_detect=False,
                    delimiter=separator,
                    quotechar='"',
                    escapechar='"',
                    compression="none",
                    hive_partitioning=False,
                    max_line_size=_LINE_BYTES,
                    ignore_errors=True,
                    store_rejects=True,
                )
                found = pl.from_arrow(rows.to_arrow_table())
                rejects = connection.sql(_REJECTS).fetchall()
            except duckdb.Error as error:
                raise DataError(f"{path} cannot be read: {' '.join(str(error).split())[:300]}") from error
    for line, kind, n_lines in rejects:
        if kind == _UNENDED:
            raise DataError(f"{path} line {line}: text goes on after a quote, or a quoted field does not end; mend it")
        tally.drop(_KINDS.get(kind, "malformed line"), n_lines, f"{path.name} line {line}")
    assert isinstance(found, pl.DataFrame)
    wanted = {column: name for column, name in zip(columns, names, strict=True) if name}
    return found.select(*wanted).rename(wanted)
