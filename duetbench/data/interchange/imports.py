"""Imports a user's own tables into a folder that the dataset `imported` reads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from duetbench.data.folders import new_folder
from duetbench.data.interchange.column_mapping import (
    INTERACTION_COLUMNS,
    ITEM_COLUMNS,
    REQUIRED_COLUMNS,
    UNREADABLE_TIME,
    MappedTable,
    exclude_interaction_columns,
    find_columns,
    map_interactions,
    map_item_rows,
    map_items,
)
from duetbench.data.interchange.rating_scale import SUPPORTED, check_scale, find_labels, is_amount, unrated
from duetbench.data.interchange.sources import HUGGING_FACE, TableSource, normalize_splits, read_columns, read_table
from duetbench.data.readers.delimited_rows import encoding_hint
from duetbench.data.readers.times import ACCEPTED_TIMES, AUTO, NO_TIMES, TimeForm, check_form
from duetbench.data.readers.validation import (
    RowCounts,
    SourceLocation,
    deduplicate_items,
    make_row_bounds,
    validate_interactions,
    validate_items,
)
from duetbench.data.rows import SPLITS
from duetbench.errors import ConfigError, DataError
from duetbench.interfaces import ITEM_KIND
from duetbench.types import Domain

ABOUT = "about.json"
INTERACTIONS = "interactions.parquet"
ITEMS = "items.parquet"

_SINCE = "1990-01-01"
_OFF_SCALE = ("rating outside the scale", "rating between two labels")
_SCALE_HINT = "; --labels auto reads the scale from the ratings, --missing 0 leaves out ratings that mean 'not rated'"


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How a user's tables are read."""

    domain: Domain
    """Its labels are the scale of the ratings in the tables."""
    column_map: Mapping[str, str] = field(default_factory=dict)
    """The table's column by canonical column; columns that are not named are found by their usual names."""
    time_unit: TimeForm = AUTO
    """The form of the times, see `duetbench.data.readers.times`; none: the order of the rows is their order in time."""
    since: str = _SINCE
    """Earliest valid date, as YYYY-MM-DD."""
    max_error_rate: float = 0.01
    """Share of malformed rows that is accepted."""
    find_labels: bool = False
    """Read the labels from the ratings, instead of from `domain`."""
    missing: tuple[float, ...] = ()
    """Ratings that mean "not rated": their rows are left out and counted, and are no malformed rows."""
    rescale: tuple[float, ...] = ()
    """The scale that prompts use, to which ratings are mapped; empty: that of the tables. Metrics are on the latter."""

    def __post_init__(self) -> None:
        """Refuses options about times that would not be read."""
        given = {"map.timestamp": "timestamp" in self.column_map, "since": self.since != _SINCE}
        unused = [] if self.has_times else [option for option, is_given in given.items() if is_given]
        if unused:
            reason = "no effect with --time none, which ignores times; leave out one of them"
            raise ConfigError([f"{option}: {reason}" for option in unused])

    @property
    def has_times(self) -> bool:
        """False if the order of the rows is their order in time."""
        return self.time_unit != NO_TIMES


@dataclass(frozen=True, slots=True)
class ImportResult:
    """Counts and columns of an import."""

    folder: Path
    columns: dict[str, str]
    """The table's column by canonical column, as used."""
    rows: int
    items: int
    """Number of rated items."""
    described_items: int | None
    """Number of rated items that are in the table of items; None: there is no such table."""
    dropped: dict[str, int]
    """Dropped rows by kind."""
    noted: dict[str, int]
    """Rows kept but noted, by kind."""
    has_splits: bool
    ratings: Mapping[float, int] = field(default_factory=dict)
    """Rows by label of the scale, ascending; a label without ratings has 0."""
    unrated: int = 0
    """Rows left out because their rating means "not rated"."""


def import_tables(
    sources: Sequence[TableSource], folder: Path, options: ImportOptions, *, items: TableSource | None = None
) -> ImportResult:
    """Reads the tables, validates every row and writes the folder atomically, replacing an earlier import.

    Args:
        sources: Tables of interactions, in order. Either all of them have splits, or none. Without times, those of
            earlier splits are placed before those of later ones.
        folder: Where the tables are written.
        options: How the sources are read.
        items: A table of items; None: item columns are taken from the tables of interactions, if they have any.

    Raises:
        ConfigError: a column does not exist, or options about the scale contradict each other.
        DataError: a table cannot be read, it holds implicit feedback, too many rows are malformed, none is left, or
            the folder has other files.
    """
    check_form(options.time_unit)
    _check_folder(folder)
    sources = sources if options.has_times else sorted(sources, key=_split_position)
    row_counts, item_counts = RowCounts(), RowCounts(kind_prefix=ITEM_KIND)
    tables = _read_tables(sources, options, row_counts, has_items=items is None)
    columns = {name: column for table in tables for name, column in table.columns.items()}
    frames = [
        map_interactions(*table, options.time_unit, row_counts, source.first_row)
        for source, table in zip(sources, tables, strict=True)
    ]
    rated = [frame.filter(~unrated(frame, options.missing)) for frame in frames]
    options = _with_labels(options, rated)
    interactions = _validated(rated, options, row_counts, sources)
    _check_error_rate("rows", interactions.height, row_counts, options.max_error_rate, sources)
    rated_items = interactions.select("item_id").unique()
    if items:
        item_rows, used_columns = _read_items(items, options, item_counts)
        columns |= {name: column for name, column in used_columns.items() if name in ITEM_COLUMNS}
    else:  # items of rows that were left out are not part of the data
        item_rows = pl.concat([map_items(*table) for table in tables])
        item_rows = item_rows.join(rated_items, on="item_id", how="semi", maintain_order="left")
    item_rows = validate_items(item_rows, item_counts, items.first_row if items else SourceLocation("items", 1))
    if items:
        _check_error_rate("item rows", item_rows.height, item_counts, options.max_error_rate, [items])
    distinct_items = deduplicate_items(item_rows)
    result = ImportResult(
        folder,
        columns,
        interactions.height,
        rated_items.height,
        distinct_items.join(rated_items, on="item_id", how="semi").height if items else None,
        dict(row_counts.dropped + item_counts.dropped),
        dict(row_counts.noted + item_counts.noted),
        "split" in interactions.columns,
        _by_label(interactions, options.domain),
        sum(frame.height for frame in frames) - sum(frame.height for frame in rated),
    )
    _write(result, interactions, distinct_items, options, sources)
    return result


def _read_tables(
    sources: Sequence[TableSource], options: ImportOptions, row_counts: RowCounts, *, has_items: bool
) -> list[MappedTable]:
    """The tables of interactions, without columns that only seem to describe items."""
    tables = [_read_source(source, options, row_counts, has_items=has_items) for source in sources]
    tables, removed = exclude_interaction_columns(tables, options.column_map)
    for name, n_rows in removed.items():
        row_counts.note(f"{name} of the interaction, not of the item", n_rows)
    return tables


def _with_labels(options: ImportOptions, frames: Sequence[pl.DataFrame]) -> ImportOptions:
    """The options with the labels that the ratings have, if they are to be read from them."""
    if options.find_labels:
        labels = find_labels([frame["rating"] for frame in frames])
        options = replace(options, domain=replace(options.domain, labels=labels))
    check_scale(options.domain.labels, options.missing, options.rescale)
    return options


def _by_label(interactions: pl.DataFrame, domain: Domain) -> dict[float, int]:
    counts = dict(interactions["rating"].value_counts().iter_rows())
    return {label: counts.get(float(label), 0) for label in domain.labels}


def _check_folder(folder: Path) -> None:
    """Raises DataError unless the folder is new, empty, or an earlier import: it will be replaced."""
    if folder.is_dir() and (others := {path.name for path in folder.iterdir()} - {ABOUT, INTERACTIONS, ITEMS}):
        raise DataError(f"{folder} contains other files, such as {min(others)}: name a new or empty folder")
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file: name a folder")


def _split_position(source: TableSource) -> int:
    return SPLITS.index(source.split) if source.split else len(SPLITS)


def _read_source(source: TableSource, options: ImportOptions, row_counts: RowCounts, *, has_items: bool) -> MappedTable:
    """The table, and the columns that are used of it: those of items only if it is the source of items."""
    names = read_columns(source)
    _check_explicit(names, options)
    unused = () if options.has_times else ("timestamp",)
    requested = [name for name in (*INTERACTION_COLUMNS, *(ITEM_COLUMNS if has_items else ())) if name not in unused]
    required = [name for name in REQUIRED_COLUMNS if name not in unused]
    columns = find_columns(names, options.column_map, requested, required=required)
    return MappedTable(normalize_splits(read_table(source, set(columns.values()), row_counts), source), columns)


def _check_explicit(columns: Sequence[str], options: ImportOptions) -> None:
    """Raises DataError if the column of the ratings, or the only one for them, says how much something was used."""
    named = options.column_map.get("rating")
    has_usual = bool(find_columns(columns, {}, ("rating",)))
    amounts = [column for column in ([named] if named else columns) if is_amount(column)]
    if amounts and (named or not has_usual):
        raise DataError(f"the column '{amounts[0]}' has no ratings: {SUPPORTED}")


def _validated(
    frames: Sequence[pl.DataFrame], options: ImportOptions, row_counts: RowCounts, sources: Sequence[TableSource]
) -> pl.DataFrame:
    bounds = make_row_bounds(options.domain.labels, options.since, None)
    if not options.has_times:
        bounds = replace(bounds, since=0)
    valid = [
        validate_interactions(frame, bounds, row_counts, source.first_row)
        for frame, source in zip(frames, sources, strict=True)
    ]
    return _concatenate(valid, options)


def _concatenate(frames: Sequence[pl.DataFrame], options: ImportOptions) -> pl.DataFrame:
    """All rows in order; without times, their positions are their timestamps."""
    if len({"split" in frame.columns for frame in frames}) > 1:
        raise DataError("some tables have splits and some have none: name all as train=FILE valid=FILE test=FILE")
    rows = pl.concat(frames)
    return rows if options.has_times else rows.with_columns(timestamp=pl.int_range(pl.len(), dtype=pl.Int64))


def _read_items(
    source: TableSource, options: ImportOptions, row_counts: RowCounts
) -> tuple[pl.DataFrame, dict[str, str]]:
    """The rows of a table of items, and the columns that were used."""
    requested = ("item_id", *ITEM_COLUMNS)
    columns = find_columns(read_columns(source), options.column_map, requested, required=("item_id",))
    return map_item_rows(read_table(source, set(columns.values()), row_counts), columns), columns


def _check_error_rate(
    table: str, n_kept: int, row_counts: RowCounts, max_error_rate: float, sources: Sequence[TableSource]
) -> None:
    """Raises DataError if too many rows were dropped, or all."""
    n_dropped = row_counts.dropped.total()
    if not n_dropped + n_kept:
        raise DataError(f"the tables contain no {table}")
    if n_dropped > max_error_rate * (n_dropped + n_kept) or not n_kept:
        kinds = ", ".join(
            f"{count:,} {kind}, first at {row_counts.locations[kind]}" for kind, count in row_counts.dropped.items()
        )
        raise DataError(
            f"{n_dropped:,} of {n_dropped + n_kept:,} {table} are malformed ({kinds}), the accepted share is "
            f"{max_error_rate:g}: fix the tables, or accept more (--max-error-rate){_hints(row_counts, sources)}"
        )


def _hints(row_counts: RowCounts, sources: Sequence[TableSource]) -> str:
    """What to do about the faults that an option may remove."""
    encoding = encoding_hint(row_counts) if any(source.delimited_format for source in sources) else ""
    times = f"; accepted times: {ACCEPTED_TIMES}" if UNREADABLE_TIME in row_counts.dropped else ""
    scale = _SCALE_HINT if any(kind in _OFF_SCALE for kind in row_counts.dropped) else ""
    return f"{encoding}{times}{scale}"


def _printable_name(name: str) -> str:
    """A file's name as valid UTF-8; bytes that are not UTF-8 are escaped."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _write(
    result: ImportResult,
    interactions: pl.DataFrame,
    items: pl.DataFrame,
    options: ImportOptions,
    sources: Sequence[TableSource],
) -> None:
    about = {
        "noun": options.domain.noun,
        "plural": options.domain.plural,
        "labels": list(options.domain.labels),
        "rescale": list(options.rescale),
        "columns": result.columns,
        "sources": [
            source.location if source.location.startswith(HUGGING_FACE) else _printable_name(source.path.name)
            for source in sources
        ],
        "dropped": result.dropped,
        "noted": result.noted,
        "unrated": result.unrated,
        "has_splits": result.has_splits,
        "has_times": options.has_times,
    }
    with new_folder(result.folder.absolute(), replace=True) as partial:
        # The table is read back soon and completely: light compression takes two thirds of the time, for the same size.
        interactions.write_parquet(partial / INTERACTIONS, compression_level=1)
        items.write_parquet(partial / ITEMS)
        (partial / ABOUT).write_text(json.dumps(about, indent=1, ensure_ascii=False), encoding="utf-8")
