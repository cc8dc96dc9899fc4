"""Reads lines of Python literals into frames: the metadata format of Amazon's 2014 release."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from duetbench.data.readers.compressed import read_blocks
from duetbench.data.readers.validation import RowCounts, SourceLocation
from duetbench.errors import DataError


def read_literal_lines(
    path: Path,
    schema: Mapping[str, pl.DataType],
    to_rows: Callable[[Mapping[str, Any]], Iterable[Mapping[str, Any]]],
    row_counts: RowCounts,
    *,
    is_needed: Callable[[bytes], bool] = lambda _line: True,
) -> Iterator[tuple[pl.DataFrame, SourceLocation]]:
    """The file's rows in order, block by block; unreadable lines are counted in `row_counts`.

    Args:
        path: The raw file.
        schema: Columns and types of the rows that `to_rows` returns.
        to_rows: Converts the parsed value of a line to rows. It may raise TypeError or ValueError for a field of the
            wrong type.
        row_counts: Where unreadable lines are counted.
        is_needed: Decides from the raw bytes of a line whether to parse it; a skipped line is not counted.
    """
    first_line = 1
    for block in read_blocks(path):
        rows = []
        lines = block.split(b"\n")
        for number, line in enumerate(lines, first_line):
            if not line.strip() or not is_needed(line):
                continue
            try:
                rows.extend(list(to_rows(_parse(line))))
            except _Unreadable as error:
                row_counts.drop(str(error), 1, f"{path.name} line {number}")
            except (TypeError, ValueError):
                row_counts.drop("field of the wrong type", 1, f"{path.name} line {number}")
        yield _frame(rows, schema, path), SourceLocation(path.name, first_line)
        first_line += len(lines) - 1


def text_or_none(value: Any) -> str | None:
    """The value itself.

    Raises:
        TypeError: it is neither a text nor None.
    """
    if value is not None and not isinstance(value, str):
        raise TypeError(f"expected text, got {value!r}")
    return value


class _Unreadable(Exception):
    """A line that cannot be parsed; the message is the kind of fault."""


def _parse(line: bytes) -> Mapping[str, Any]:
    try:
        # literal_eval builds plain values only: unlike eval, it cannot run code from the file.
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
        raise DataError(f"{path} has fields of other types than its format defines: {error}") from error
