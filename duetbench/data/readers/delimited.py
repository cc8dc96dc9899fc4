"""Reads CSV and TSV files. All fields are text.

Python's csv module is used in its strict mode because the faster readers do not report bad lines well enough: one
rejects the file at the first bad line, another does not say which lines it skipped.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import polars as pl

from duetbench.data.readers.compressed import read_blocks
from duetbench.data.readers.validation import RowCounts, raise_if_mostly_unreadable
from duetbench.errors import DataError

_MAX_FIELD_CHARACTERS = 16 << 20
_ROWS_PER_PART = 50_000


def read_delimited_columns(path: Path, separator: str) -> list[str]:
    """The column names in the file's first line, without spaces around them.

    Raises:
        DataError: the first line is missing or not text, or a name occurs twice.
    """
    return _DelimitedFile(path, separator).names


def read_delimited(path: Path, separator: str, row_counts: RowCounts) -> pl.DataFrame:
    """The table. Invalid lines are counted in `row_counts`, blank lines are skipped, empty fields are null.

    Raises:
        DataError: the file is damaged, or most of its lines are invalid.
    """
    file = _DelimitedFile(path, separator)
    schema = {f"column{position}": pl.String() for position in range(len(file.names))}
    parts = [pl.DataFrame(schema=schema)]
    rows = file.valid_rows(row_counts)
    with _long_fields_allowed():
        while part := list(islice(rows, _ROWS_PER_PART)):
            parts.append(pl.DataFrame(part, schema=schema, orient="row"))
    named = {column: name for column, name in zip(schema, file.names, strict=True) if name}
    texts = pl.concat(parts).select(*named).rename(named)
    return texts.select(pl.when(pl.all() != "").then(pl.all()))


@contextmanager
def _long_fields_allowed() -> Iterator[None]:
    previous_limit = csv.field_size_limit(_MAX_FIELD_CHARACTERS)
    try:
        yield
    finally:
        csv.field_size_limit(previous_limit)


class _DelimitedFile:
    """The column names and rows of a file; the rows can be read once."""

    def __init__(self, path: Path, separator: str) -> None:
        self._path = path
        self._n_undecodable = 0
        """Lines with invalid UTF-8 among those read so far."""
        self._reader = csv.reader(self._lines(), delimiter=separator, strict=True)
        try:
            self.names = [name.strip() for name in next(self._reader, [])]
        except csv.Error as error:
            raise DataError(f"{path} does not begin with a line of column names: {error}") from error
        duplicates = [name for name, count in Counter(self.names).items() if count > 1 and name]
        if duplicates:
            raise DataError(f"{path} has two columns named '{duplicates[0]}'")
        if not any(self.names) or self._n_undecodable:
            raise DataError(f"{path} does not begin with a line of column names")

    def valid_rows(self, row_counts: RowCounts) -> Iterator[list[str]]:
        """Rows with one field per column name.

        Every line of an invalid row is counted: an unclosed quote makes one row of many lines.
        """
        n_invalid, last_line = 0, self._reader.line_num
        while True:
            n_undecodable, row, fault = self._n_undecodable, [], ""
            try:
                row = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                fault = "field over 16 MB" if "field limit" in str(error) else "misplaced quote or line end"
            n_lines, first_line = self._reader.line_num - last_line, last_line + 1
            last_line = self._reader.line_num
            if self._n_undecodable > n_undecodable:
                fault = "invalid UTF-8"
            elif row and len(row) != len(self.names):
                fault = "wrong number of fields"
            if fault:
                row_counts.drop(fault, n_lines, f"{self._path.name} line {first_line}")
                n_invalid += n_lines
                raise_if_mostly_unreadable(self._path, n_invalid, last_line, row_counts)
            elif row:
                yield row

    def _lines(self) -> Iterator[str]:
        for block in read_blocks(self._path):
            try:
                # Not splitlines, which also splits at characters that may occur inside fields.
                yield from io.StringIO(block.decode("utf-8"), newline="\n")
            except UnicodeDecodeError:
                yield from self._decode_line_by_line(block)

    def _decode_line_by_line(self, block: bytes) -> Iterator[str]:
        for line in io.BytesIO(block):
            try:
                text = line.decode("utf-8")
            except UnicodeDecodeError:
                self._n_undecodable += 1
                text = line.decode("utf-8", "replace")
            yield text
