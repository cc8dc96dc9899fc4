"""Sources of imported tables: delimited text, Parquet, JSON lines, pickles, Hugging Face datasets."""

from __future__ import annotations

import io
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from duetbench.data.readers.compressed import SUFFIXES, read_blocks
from duetbench.data.readers.delimited import UTF_8, DelimitedFormat, read_delimited, read_delimited_columns
from duetbench.data.readers.jsonl import read_json_columns, read_json_lines
from duetbench.data.readers.validation import RowCounts, SourceLocation
from duetbench.errors import DataError, UsageError
from duetbench.types import Split

HUGGING_FACE = "hf:"
_SPLIT_NAMES: dict[str, Split] = {
    "train": "train", "valid": "valid", "validation": "valid", "val": "valid", "dev": "valid", "test": "test"
}  # fmt: skip
_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_JSON_LINES = (".jsonl", ".ndjson", ".json")
_PICKLES = (".pkl", ".pickle")
_PARQUET = ".parquet"


@dataclass(frozen=True, slots=True)
class DelimitedOptions:
    """What a user says about delimited text."""

    separator: str | None = None
    """None: by the file's suffix, comma or tab."""
    columns: tuple[str, ...] = ()
    """Names of all columns in order, of tables without a line of names; "" leaves a column out."""
    encoding: str = UTF_8


@dataclass(frozen=True, slots=True)
class TableSource:
    """One table of a user."""

    location: str
    """A path, or `hf:NAME` or `hf:NAME:CONFIG`."""
    split: Split | None = None
    """The split of all its rows; None: that of its column `split`, if it has one."""
    delimited: DelimitedOptions = DelimitedOptions()
    """How it is read if it is delimited text."""

    @property
    def delimited_format(self) -> DelimitedFormat | None:
        """Its format if it is delimited text: a CSV or TSV file, or a file of another suffix with a given separator."""
        if self.location.startswith(HUGGING_FACE) or self.suffix in (*_JSON_LINES, *_PICKLES, _PARQUET):
            return None
        separator = self.delimited.separator or _SEPARATORS.get(self.suffix)
        if separator is None:
            return None
        return DelimitedFormat(separator, self.delimited.columns, self.delimited.encoding)

    @property
    def path(self) -> Path:
        """The file."""
        try:
            return Path(self.location).expanduser()
        except RuntimeError:  # a name that begins with ~ and is not a user's home
            return Path(self.location)

    @property
    def first_row(self) -> SourceLocation:
        """The location of the first row."""
        form = self.delimited_format
        return SourceLocation(self.path.name, 2 if form and not form.columns else 1)

    @property
    def suffix(self) -> str:
        """The suffix of the file's name in lower case, without the suffix of its compression."""
        name = self.path.name.lower()
        for suffix in SUFFIXES[1:]:
            name = name.removesuffix(suffix)
        return Path(name).suffix


def parse_source(text: str, delimited: DelimitedOptions = DelimitedOptions()) -> TableSource:
    """A source from `PATH`, `hf:NAME`, or `train=PATH`."""
    name, equals, location = text.partition("=")
    if equals and name in _SPLIT_NAMES:
        return TableSource(location, _SPLIT_NAMES[name], delimited)
    return TableSource(text, delimited=delimited)


def read_columns(source: TableSource) -> list[str]:
    """The names of the table's columns, in order.

    Raises:
        DataError: it cannot be read.
        UsageError: its format is not supported.
    """
    _check_exists(source)
    if source.suffix in _JSON_LINES:
        return read_json_columns(source.path)
    if form := source.delimited_format:
        return [name for name in read_delimited_columns(source.path, form) if name]
    return read_table(source).columns


def read_table(
    source: TableSource, columns: Collection[str] | None = None, row_counts: RowCounts | None = None
) -> pl.DataFrame:
    """The table, and its column `split` if it has one or if the source names a split.

    Args:
        source: The table.
        columns: The columns to read besides `split`; None: all.
        row_counts: Where unreadable lines are counted.

    Raises:
        DataError: it cannot be read.
        UsageError: its format is not supported.
    """
    _check_exists(source)
    if source.location.startswith(HUGGING_FACE):
        frame = _from_hugging_face(source.location.removeprefix(HUGGING_FACE))
    else:
        frame = _read_file(source, columns, row_counts or RowCounts())
    if source.split:
        frame = frame.with_columns(pl.lit(source.split).alias("split"))
    return frame.select(name for name in frame.columns if columns is None or name in columns or name == "split")


def normalize_splits(frame: pl.DataFrame, source: TableSource) -> pl.DataFrame:
    """The table with our names of splits in its column `split`, or without the column if it is empty.

    Raises:
        DataError: the column has an unknown name, or is empty in some rows, which would silently have no split.
    """
    if "split" not in frame.columns:
        return frame
    names = frame["split"].cast(pl.String).str.strip_chars().str.to_lowercase()
    if names.null_count() == len(names):
        return frame.drop("split")
    unknown = names.filter(~names.is_in(list(_SPLIT_NAMES)).fill_null(False)).unique(maintain_order=True)
    if len(unknown):
        fault = "is empty in some rows" if unknown[0] is None else f"contains '{unknown[0]}'"
        raise DataError(
            f"{source.location}: the column 'split' {fault}, expected one of {', '.join(_SPLIT_NAMES)}: "
            "fix or rename the column"
        )
    return frame.with_columns(names.replace(_SPLIT_NAMES).alias("split"))


def _check_exists(source: TableSource) -> None:
    if not source.location.startswith(HUGGING_FACE) and not source.path.is_file():
        raise DataError(f"{source.path} is a folder" if source.path.is_dir() else f"there is no file {source.path}")


def _read_file(source: TableSource, columns: Collection[str] | None, row_counts: RowCounts) -> pl.DataFrame:
    path = source.path
    try:
        if form := source.delimited_format:
            # As text: the column mapping decides what is a number and what is an id such as 007.
            return read_delimited(path, form, row_counts)
        if source.suffix == _PARQUET:
            return _read_parquet(path)
        if source.suffix in _JSON_LINES:
            requested = read_json_columns(path) if columns is None else columns
            split = [] if "split" in map(str.lower, requested) else ["split"]
            schema: dict[str, pl.DataType] = {name: pl.String() for name in [*requested, *split]}
            return pl.concat([frame for frame, _ in read_json_lines(path, schema, row_counts)])
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path} cannot be read: {' '.join(str(error).split())[:300]}") from error
    if source.suffix in _PICKLES:
        from duetbench.data.interchange.pickles import read_pickle

        return _without_empty_rows(read_pickle(path))
    raise UsageError(
        f"{path}: expected .csv, .tsv, .jsonl, .parquet (plain, .gz or .zst), .pkl, or hf:NAME; of other delimited "
        "text name the separator, as in --separator '::'"
    )


def _read_parquet(path: Path) -> pl.DataFrame:
    if path.suffix.lower() == _PARQUET:
        with path.open("rb") as stream:  # polars would read a file name as a pattern or a URL
            return _without_empty_rows(pl.read_parquet(stream))
    return _without_empty_rows(pl.read_parquet(io.BytesIO(b"".join(read_blocks(path)))))


def _without_empty_rows(frame: pl.DataFrame) -> pl.DataFrame:
    """The table without rows that have no value, which spreadsheets export; they are like blank lines of a text."""
    return frame.filter(~pl.all_horizontal(pl.all().is_null()))


def _from_hugging_face(text: str) -> pl.DataFrame:
    from duetbench.data.interchange.hugging_face import load

    tables = load(text)
    parts = []
    for name, frame in tables.items():
        split = _SPLIT_NAMES.get(name)
        parts.append(frame.with_columns(pl.lit(split, dtype=pl.String).alias("split")) if split else frame)
    if len({tuple(part.columns) for part in parts}) > 1:
        raise DataError(
            f"the splits of {text} ({', '.join(tables)}) have different columns: import one file per split instead"
        )
    return pl.concat(parts)
