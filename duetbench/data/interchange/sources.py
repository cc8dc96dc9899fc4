"""Tables of a user's own: CSV, Parquet, JSON lines, pickles, Hugging Face datasets."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from duetbench.data.readers.compressed import SUFFIXES
from duetbench.data.readers.delimited import delimited_columns, read_delimited
from duetbench.data.readers.jsonl import json_columns, read_json_lines
from duetbench.data.readers.validation import RowCounts, SourceLocation
from duetbench.errors import DataError, UsageError
from duetbench.types import Split

HUGGING_FACE = "hf:"
_SPLIT_NAMES: dict[str, Split] = {
    "train": "train", "valid": "valid", "validation": "valid", "val": "valid", "dev": "valid", "test": "test"
}  # fmt: skip
_CSV = {".csv": ",", ".tsv": "\t"}
_JSON_LINES = (".jsonl", ".ndjson", ".json")


@dataclass(frozen=True, slots=True)
class TableSource:
    """One table of a user's own."""

    place: str
    """A path, or `hf:NAME` or `hf:NAME:CONFIG`."""
    split: Split | None = None
    """Which split all of its rows are in, if the user says so."""

    @property
    def path(self) -> Path:
        """The file."""
        try:
            return Path(self.place).expanduser()
        except RuntimeError:  # a name that begins with ~ and is nobody's home
            return Path(self.place)

    @property
    def start(self) -> SourceLocation:
        """Where the first row stands."""
        return SourceLocation(self.path.name, 2 if self.kind in _CSV else 1)

    @property
    def kind(self) -> str:
        """What follows the name, without what it is packed in."""
        name = self.path.name.lower()
        for suffix in SUFFIXES[1:]:
            name = name.removesuffix(suffix)
        return Path(name).suffix


def parse_source(text: str) -> TableSource:
    """A source from `PATH`, `hf:NAME`, or `train=PATH`."""
    name, equals, place = text.partition("=")
    if equals and name in _SPLIT_NAMES:
        return TableSource(place, _SPLIT_NAMES[name])
    return TableSource(text)


def columns_of(source: TableSource) -> list[str]:
    """The table's columns, in order.

    Raises:
        DataError: it cannot be read.
        UsageError: its kind is not known.
    """
    _check_is_there(source)
    if source.kind in _JSON_LINES:
        return json_columns(source.path)
    if source.kind in _CSV:
        return delimited_columns(source.path, _CSV[source.kind])
    return read_table(source).columns


def read_table(
    source: TableSource, columns: Collection[str] | None = None, tally: RowCounts | None = None
) -> pl.DataFrame:
    """The table, or these columns of it, and for interactions a column `split` where it says splits of its own.

    Args:
        source: Where it is.
        columns: None: all.
        tally: Where unreadable lines are counted.

    Raises:
        DataError: it cannot be read.
        UsageError: its kind is not known.
    """
    _check_is_there(source)
    if source.place.startswith(HUGGING_FACE):
        frame = _from_hugging_face(source.place.removeprefix(HUGGING_FACE))
    else:
        frame = _read_file(source, columns, tally or RowCounts())
    if source.split:
        frame = frame.with_columns(pl.lit(source.split).alias("split"))
    return frame.select(name for name in frame.columns if columns is None or name in columns or name == "split")


def with_known_splits(frame: pl.DataFrame, source: TableSource) -> pl.DataFrame:
    """The table with the column `split`, if it has one, in our names; without it where it says nothing.

    Raises:
        DataError: it says something else, or nothing in some rows: these would be in no split, unseen.
    """
    if "split" not in frame.columns:
        return frame
    said = frame["split"].cast(pl.String).str.strip_chars().str.to_lowercase()
    if said.null_count() == len(said):
        return frame.drop("split")
    strange = said.filter(~said.is_in(list(_SPLIT_NAMES)).fill_null(False)).unique(maintain_order=True)
    if len(strange):
        says = "nothing in some rows" if strange[0] is None else f"'{strange[0]}'"
        raise DataError(
            f"{source.place}: the column 'split' says {says}, which is none of {', '.join(_SPLIT_NAMES)}: "
            "mend it, or give the column another name"
        )
    return frame.with_columns(said.replace(_SPLIT_NAMES).alias("split"))


def _check_is_there(source: TableSource) -> None:
    if not source.place.startswith(HUGGING_FACE) and not source.path.is_file():
        raise DataError(f"{source.path} is a folder" if source.path.is_dir() else f"there is no file {source.path}")


def _read_file(source: TableSource, columns: Collection[str] | None, tally: RowCounts) -> pl.DataFrame:
    path = source.path
    try:
        if source.kind in _CSV:
            # As text: what is a number and what only looks like one (an id 007) is said by the mapping.
            return read_delimited(path, _CSV[source.kind], tally)
        if source.kind == ".parquet":
            with path.open("rb") as stream:  # a name would be taken for a pattern, or for an address
                return pl.read_parquet(stream)
        if source.kind in _JSON_LINES:
            wanted = json_columns(path) if columns is None else columns
            with_split = [] if "split" in map(str.lower, wanted) else ["split"]
            schema: dict[str, pl.DataType] = {name: pl.String() for name in [*wanted, *with_split]}
            return pl.concat([frame for frame, _ in read_json_lines(path, schema, tally)])
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path} cannot be read: {' '.join(str(error).split())[:300]}") from error
    if source.kind in (".pkl", ".pickle"):
        from duetbench.data.interchange.pickles import read_pickle

        return _from_pandas(read_pickle(path), path)
    raise UsageError(f"{path}: wants .csv, .tsv, .parquet, .jsonl, .pkl (plain, .gz or .zst), or hf:NAME")


def _from_pandas(table: object, path: Path) -> pl.DataFrame:
    try:
        return pl.from_pandas(table)
    except Exception as error:  # mixed objects in a column may fail in any way
        raise DataError(f"{path} holds columns that are no table's: {error}") from error


def _from_hugging_face(text: str) -> pl.DataFrame:
    from duetbench.data.interchange.hugging_face import load

    tables = load(text)
    parts = []
    for name, frame in tables.items():
        split = _SPLIT_NAMES.get(name)
        parts.append(frame.with_columns(pl.lit(split, dtype=pl.String).alias("split")) if split else frame)
    if len({tuple(part.columns) for part in parts}) > 1:
        raise DataError(
            f"the splits of {text} ({', '.join(tables)}) have different columns: name one file each instead"
        )
    return pl.concat(parts)
