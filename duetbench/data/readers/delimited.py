"""Tables in text, a row a line and fields between commas or tabs. All fields are text.

Read by Python's csv module in its strict mode: of the faster readers, one refuses a file for one bad line, and another
tells too little of what it passes over.
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
from duetbench.data.readers.validation import RowCounts, stop_if_mostly_unreadable
from duetbench.errors import DataError

_FIELD_CHARACTERS = 16 << 20
_PART_ROWS = 50_000


def delimited_columns(path: Path, separator: str) -> list[str]:
    """The names in the file's first line, without spaces around them.

    Raises:
        DataError: there is no such line, it is no text, or one name stands twice.
    """
    return _Rows(path, separator).names


def read_delimited(path: Path, separator: str, tally: RowCounts) -> pl.DataFrame:
    """The table; lines that are no row of it are tallied, blank ones passed over, empty fields are null.

    Raises:
        DataError: the file is damaged, or mostly no such table.
    """
    rows = _Rows(path, separator)
    schema = {f"column{place}": pl.String() for place in range(len(rows.names))}
    parts = [pl.DataFrame(schema=schema)]
    sound = rows.sound(tally)
    with _long_fields():
        while some := list(islice(sound, _PART_ROWS)):
            parts.append(pl.DataFrame(some, schema=schema, orient="row"))
    named = {column: name for column, name in zip(schema, rows.names, strict=True) if name}
    texts = pl.concat(parts).select(*named).rename(named)
    return texts.select(pl.when(pl.all() != "").then(pl.all()))


@contextmanager
def _long_fields() -> Iterator[None]:
    before = csv.field_size_limit(_FIELD_CHARACTERS)
    try:
        yield
    finally:
        csv.field_size_limit(before)


class _Rows:
    """The rows of a file, which may be read once."""

    def __init__(self, path: Path, separator: str) -> None:
        self._path = path
        self._unreadable = 0
        """Lines without proper text, of those read so far."""
        self._reader = csv.reader(self._lines(), delimiter=separator, strict=True)
        try:
            self.names = [name.strip() for name in next(self._reader, [])]
        except csv.Error as error:
            raise DataError(f"{path} does not begin with names of columns: {error}") from error
        twice = [name for name, count in Counter(self.names).items() if count > 1 and name]
        if twice:
            raise DataError(f"{path} names the column '{twice[0]}' twice")
        if not any(self.names) or self._unreadable:
            raise DataError(f"{path} does not begin with names of columns")

    def sound(self, tally: RowCounts) -> Iterator[list[str]]:
        """Rows with as many fields as there are names; others count as many lines as they take: quotes swallow some."""
        n_bad, before = 0, self._reader.line_num
        while True:
            n_unreadable, row, fault = self._unreadable, [], ""
            try:
                row = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                fault = "field over 16 MB" if "field limit" in str(error) else "quotes or line ends out of place"
            n_lines, first = self._reader.line_num - before, before + 1
            before = self._reader.line_num
            if self._unreadable > n_unreadable:
                fault = "invalid UTF-8"
            elif row and len(row) != len(self.names):
                fault = "another number of fields"
            if fault:
                tally.drop(fault, n_lines, f"{self._path.name} line {first}")
                n_bad += n_lines
                stop_if_mostly_unreadable(self._path, n_bad, before, tally)
            elif row:
                yield row

    def _lines(self) -> Iterator[str]:
        for block in read_blocks(self._path):
            try:
                # Not splitlines, which divides at characters that fields may hold.
                yield from io.StringIO(block.decode("utf-8"), newline="\n")
            except UnicodeDecodeError:
                yield from self._some_unreadable(block)

    def _some_unreadable(self, block: bytes) -> Iterator[str]:
        for line in io.BytesIO(block):
            try:
                text = line.decode("utf-8")
            except UnicodeDecodeError:
                self._unreadable += 1
                text = line.decode("utf-8", "replace")
            yield text
