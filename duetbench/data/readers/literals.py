"""Python literals, one a line, to frames: the metadata format of Amazon's 2014 release."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from duetbench.data.readers.compressed import read_blocks
from duetbench.data.readers.validation import RowCounts, SourceLocation
from duetbench.errors import DataError


def read_literal_lines(
    path: Path,
    schema: Mapping[str, pl.DataType],
    pick: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    tally: RowCounts,
    *,
    is_wanted: Callable[[bytes], bool] = lambda _line: True,
) -> Iterator[tuple[pl.DataFrame, SourceLocation]]:
    """The file's rows in order, block by block; unreadable lines are tallied.

    Args:
        path: The raw file.
        schema: What `pick` returns.
        pick: A row from a line's value. It may raise TypeError or ValueError at a field of the wrong type.
        tally: Where unreadable lines are counted.
        is_wanted: Tells from a line, unread, whether it is worth reading.
    """
    first_line = 1
    for block in read_blocks(path):
        rows = []
        lines = block.split(b"\n")
        for number, line in enumerate(lines, first_line):
            if not line.strip() or not is_wanted(line):
                continue
            try:
                rows.append(pick(_value(line)))
            except _Unreadable as error:
                tally.drop(str(error), 1, f"{path.name} line {number}")
            except (TypeError, ValueError):
                tally.drop("ill-typed field", 1, f"{path.name} line {number}")
        yield _frame(rows, schema, path), SourceLocation(path.name, first_line)
        first_line += len(lines) - 1


class _Unreadable(Exception):
    """A line that is no row, and why."""


def _value(line: bytes) -> Mapping[str, Any]:
    try:
        # literal_eval builds plain values only: unlike eval, no line can run code.
        value = ast.literal_eval(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _Unreadable("invalid UTF-8") from error
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise _Unreadable("malformed line") from error
    if not isinstance(value, dict):
        raise _Unreadable("malformed line")
    return value


def _frame(rows: list[Mapping[str, Any]], schema: Mapping[str, pl.DataType], path: Path) -> pl.DataFrame:
    try:
        return pl.DataFrame(rows, schema=dict(schema), orient="row")
    except (TypeError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path} holds fields of another type than this release has: {error}") from error
