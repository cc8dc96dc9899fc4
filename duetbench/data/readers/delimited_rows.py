"""The rows of delimited text, one by one, with every invalid line counted."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from duetbench.data.readers.compressed import BUFFER_BYTES, read_blocks
from duetbench.data.readers.validation import RowCounts, raise_if_mostly_unreadable
from duetbench.errors import DataError

_MAX_FIELD_CHARACTERS = 16 << 20
_OTHER_SEPARATORS = ";\t|:,"
_ENCODING_HINT = "if the file is not in UTF-8, name its encoding, as in --encoding latin-1, cp1252 or utf-16"


@contextmanager
def long_fields_allowed() -> Iterator[None]:
    """Raises the csv module's limit to 16 MB for a field."""
    previous_limit = csv.field_size_limit(_MAX_FIELD_CHARACTERS)
    try:
        yield
    finally:
        csv.field_size_limit(previous_limit)


def encoding_hint(row_counts: RowCounts) -> str:
    """What to do about lines that are not UTF-8; empty if there are none."""
    is_other = any(kind.endswith("invalid UTF-8") for kind in row_counts.dropped)
    return f"; {_ENCODING_HINT}" if is_other else ""


class _RowReader(Protocol):
    """What `csv.reader` returns."""

    @property
    def line_num(self) -> int:
        """Number of lines read so far."""

    def __next__(self) -> list[str]: ...


class DelimitedRows:
    """The column names and rows of a file; the rows can be read once.

    Args:
        path: The file.
        separator: One character, or several; with several, fields have no quotes.
        names: Names of all columns; empty: the first line of the file names them.
        encoding: `UTF-8` or any text encoding of Python.
        escape: The character before a quote inside of quotes; None: such a quote is doubled.

    Raises:
        DataError: the first line is missing or not text, a name occurs twice, or the separator is another one.
    """

    def __init__(
        self, path: Path, separator: str, *, names: Sequence[str] = (), encoding: str, escape: str | None = None
    ) -> None:
        self._path = path
        self._encoding = encoding
        self._has_given_names = bool(names)
        self._n_undecodable = 0
        """Lines that are invalid in the encoding, among those read so far."""
        self._reader: _RowReader = (
            _SplitLines(self._lines(), separator)
            if len(separator) > 1
            else csv.reader(
                self._lines(), delimiter=separator, strict=True, escapechar=escape, doublequote=escape is None
            )
        )
        self.names = list(names) or self._read_names(separator)
        duplicates = [name for name, count in Counter(self.names).items() if count > 1 and name]
        if duplicates:
            raise DataError(f"{path} has two columns named '{duplicates[0]}'")

    @property
    def n_lines(self) -> int:
        """Number of lines read so far."""
        return self._reader.line_num

    def _read_names(self, separator: str) -> list[str]:
        try:
            names = [name.strip() for name in next(self._reader, [])]
        except csv.Error as error:
            raise DataError(f"{self._path} does not begin with a line of column names: {error}") from error
        if not any(names) or self._n_undecodable:
            raise DataError(
                f"{self._path} does not begin with a line of column names: name them in order, as in "
                f"--columns user_id,item_id,rating,timestamp; {_ENCODING_HINT}"
            )
        others = [other for other in _OTHER_SEPARATORS if other != separator and other in names[0]]
        if len(names) == 1 and others:
            shown = "\\t" if others[0] == "\t" else others[0]
            raise DataError(
                f"{self._path} has a single column, '{names[0]}': name the separator, as in --separator '{shown}'"
            )
        return names

    def valid_rows(self, row_counts: RowCounts) -> Iterator[list[str]]:
        """Rows with one field per column name, at least one of which is not blank.

        Every line of an invalid row is counted: an unclosed quote makes one row of many lines.

        Raises:
            DataError: most lines are invalid, or the first row has more or fewer fields than there are given names.
        """
        n_invalid, last_line = 0, self._reader.line_num
        while True:
            n_undecodable, fault = self._n_undecodable, ""
            row: list[str] = []
            try:
                row = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                fault = "field over 16 MB" if "field limit" in str(error) else "misplaced quote or line end"
            n_lines, first_line = self._reader.line_num - last_line, last_line + 1
            last_line = self._reader.line_num
            is_blank = not (row and (row[0].strip() or any(map(str.strip, row))))
            if self._n_undecodable > n_undecodable:
                fault = f"invalid {self._encoding}"
            elif len(row) != len(self.names) and not is_blank:
                fault = "wrong number of fields"
                self._check_first_row(row, first_line)
            if fault:
                row_counts.drop(fault, n_lines, f"{self._path.name} line {first_line}")
                n_invalid += n_lines
                raise_if_mostly_unreadable(self._path, n_invalid, last_line, row_counts, hint=encoding_hint(row_counts))
            elif not is_blank:
                yield row

    def _check_first_row(self, row: Sequence[str], line: int) -> None:
        if self._has_given_names and line == 1:
            raise DataError(
                f"{self._path} has {len(row)} fields in its first line, but --columns names {len(self.names)} "
                f"({','.join(self.names)}): name all columns in order, or name another --separator"
            )

    def _lines(self) -> Iterator[str]:
        end = None
        for block in _utf_8_blocks(self._path, self._encoding):
            # The line end of old Macs, which is a part of a line everywhere else.
            end = end or (b"\r" if b"\n" not in block and b"\r" in block else b"\n")
            unix = block.replace(end, b"\n")
            try:
                # Not splitlines, which also splits at characters that may occur inside fields.
                yield from io.StringIO(unix.decode("utf-8"), newline="\n")
            except UnicodeDecodeError:
                yield from self._decode_line_by_line(unix)

    def _decode_line_by_line(self, block: bytes) -> Iterator[str]:
        for line in io.BytesIO(block):
            try:
                text = line.decode("utf-8")
            except UnicodeDecodeError:
                self._n_undecodable += 1
                text = line.decode("utf-8", "replace")
            yield text


class _SplitLines:
    """A `_RowReader` of lines that are split at a separator of several characters."""

    def __init__(self, lines: Iterator[str], separator: str) -> None:
        self._lines = lines
        self._separator = separator
        self.line_num = 0

    def __next__(self) -> list[str]:
        line = next(self._lines).rstrip("\r\n")
        self.line_num += 1
        return line.split(self._separator) if line else []


def _utf_8_blocks(path: Path, encoding: str) -> Iterator[bytes]:
    """The file in blocks of complete lines; bytes that are invalid in its encoding stay invalid in UTF-8.

    Raises:
        DataError: the file is not in that encoding at all, or see `read_blocks`.
    """
    if encoding == "UTF-8":
        yield from read_blocks(path, block_bytes=BUFFER_BYTES)  # small: often only the first line is needed
        return
    decoder = codecs.getincrementaldecoder(encoding)("surrogateescape")
    rest = ""
    try:
        for block in read_blocks(path):
            # A block may end within a character, or within a line, if the encoding's line end is not the byte 10.
            text = rest + decoder.decode(block)
            end = text.rfind("\n") + 1
            rest = text[end:]
            if end:
                yield text[:end].encode("utf-8", "surrogatepass")
        rest += decoder.decode(b"", final=True)
    except UnicodeError as error:
        raise DataError(f"{path} is not in {encoding}: {error}; name another --encoding") from error
    if rest:
        yield rest.encode("utf-8", "surrogatepass")
