"""Brings a user's own tables in, as a folder that the dataset `imported` reads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from duetbench.data.folders import new_folder
from duetbench.data.interchange.column_mapping import (
    INTERACTION_COLUMNS,
    ITEM_COLUMNS,
    NEEDED,
    TimeUnit,
    find_columns,
    item_rows,
    mapped_interactions,
    mapped_items,
    tell_apart,
)
from duetbench.data.interchange.sources import TableSource, columns_of, read_table, with_known_splits
from duetbench.data.readers.validation import (
    RowCounts,
    SourceLocation,
    bounds_of,
    checked_interactions,
    checked_items,
    once_each,
)
from duetbench.errors import DataError
from duetbench.types import Domain

ABOUT = "about.json"
INTERACTIONS = "interactions.parquet"
ITEMS = "items.parquet"


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How a user's tables are read."""

    domain: Domain
    named: Mapping[str, str] = field(default_factory=dict)
    """Our column to theirs; what is not named is looked for under usual names."""
    time_unit: TimeUnit = "auto"
    """auto: dates where most values are no numbers, else milliseconds or seconds by their size."""
    since: str = "1990-01-01"
    """YYYY-MM-DD; an older time is a fault."""
    tolerated: float = 0.01
    """Share of unusable rows beyond which it is an error."""


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What was brought in."""

    folder: Path
    columns: dict[str, str]
    """Our column to theirs, as used."""
    rows: int
    items: int
    dropped: dict[str, int]
    noted: dict[str, int]
    has_splits: bool


def import_tables(
    sources: Sequence[TableSource], folder: Path, options: ImportOptions, *, items: TableSource | None = None
) -> ImportResult:
    """Reads the tables, checks every row and writes the folder, whole or not at all; an old one is replaced.

    Args:
        sources: Tables of interactions, in order; all or none with a split.
        folder: Where it goes.
        options: How they are read.
        items: A table of items; None: titles and so on stand beside the interactions, if anywhere.

    Raises:
        ConfigError: a column is not there.
        DataError: a table cannot be read, too many rows are unusable, none is left, or the folder holds other files.
    """
    _check_place(folder)
    tally, tally_items = RowCounts(), RowCounts(prefix="item: ")
    columns: dict[str, str] = {}
    frames, described = [], []
    for source in sources:
        frame, things, found = _one_source(source, options, tally, has_items=items is None)
        frames.append(frame)
        described.append(things)
        columns |= found
    interactions = _together(frames)
    _check_share("rows", interactions.height, tally, options.tolerated)
    if items:
        described, found = _described(items, options, tally_items)
        columns |= {name: column for name, column in found.items() if name in ITEM_COLUMNS}
    lines = checked_items(pl.concat(described), tally_items, items.start if items else SourceLocation("items", 1))
    if items:
        _check_share("lines of items", lines.height, tally_items, options.tolerated)
    things = once_each(lines)
    result = ImportResult(
        folder,
        columns,
        interactions.height,
        things.height,
        dict(tally.dropped + tally_items.dropped),
        dict(tally.noted + tally_items.noted),
        "split" in interactions.columns,
    )
    _write(result, interactions, things, options, sources)
    return result


def _check_place(folder: Path) -> None:
    """Raises DataError unless the folder is new, empty, or what an import left, since it will be replaced."""
    if folder.is_dir() and (others := {path.name for path in folder.iterdir()} - {ABOUT, INTERACTIONS, ITEMS}):
        raise DataError(f"{folder} holds other files, such as {min(others)}: name a new folder, which import will fill")
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file: name a folder")


def _one_source(
    source: TableSource, options: ImportOptions, tally: RowCounts, *, has_items: bool
) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, str]]:
    """The table's interactions, what it says of items, and which columns were used."""
    wanted = (*INTERACTION_COLUMNS, *(ITEM_COLUMNS if has_items else ()))
    found = find_columns(columns_of(source), options.named, wanted, needed=NEEDED)
    table = with_known_splits(read_table(source, set(found.values()), tally), source)
    if has_items:
        found, strange = tell_apart(table, found, options.named)
        for name in strange:
            tally.note(f"{name} of the interaction, not of the item", table.height)
    return _interactions(table, found, options, tally, source), mapped_items(table, found), found


def _interactions(
    table: pl.DataFrame, columns: Mapping[str, str], options: ImportOptions, tally: RowCounts, source: TableSource
) -> pl.DataFrame:
    mapped = mapped_interactions(table, columns, options.time_unit, tally, source.start)
    bounds = bounds_of(options.domain.labels, options.since, None)
    return checked_interactions(mapped, bounds, tally, source.start)


def _together(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    with_split = {"split" in frame.columns for frame in frames}
    if len(with_split) > 1:
        raise DataError(
            "some of the tables say their split and some do not: name all as train=FILE valid=FILE test=FILE"
        )
    return pl.concat(frames)


def _described(
    items: TableSource, options: ImportOptions, tally: RowCounts
) -> tuple[list[pl.DataFrame], dict[str, str]]:
    found = find_columns(columns_of(items), options.named, ("item_id", *ITEM_COLUMNS), needed=("item_id",))
    return [item_rows(read_table(items, set(found.values()), tally), found)], found


def _check_share(what: str, n_kept: int, tally: RowCounts, tolerated: float) -> None:
    """Raises DataError if too much was left out, or all."""
    n_dropped = tally.dropped.total()
    if not n_dropped + n_kept:
        raise DataError(f"the tables hold no {what}")
    if n_dropped > tolerated * (n_dropped + n_kept) or not n_kept:
        kinds = ", ".join(f"{count:,} {kind}, first at {tally.places[kind]}" for kind, count in tally.dropped.items())
        raise DataError(
            f"{n_dropped:,} of {n_dropped + n_kept:,} {what} cannot be used ({kinds}); "
            f"the tolerated share is {tolerated:g} (--tolerated)"
        )


def _readable(name: str) -> str:
    """A file's name, even one that is no UTF-8."""
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
        "columns": result.columns,
        "sources": [
            source.place if source.place.startswith("hf:") else _readable(source.path.name) for source in sources
        ],
        "dropped": result.dropped,
        "noted": result.noted,
        "has_splits": result.has_splits,
    }
    with new_folder(result.folder.absolute(), replace=True) as partial:
        interactions.write_parquet(partial / INTERACTIONS)
        items.write_parquet(partial / ITEMS)
        (partial / ABOUT).write_text(json.dumps(about, indent=1, ensure_ascii=False), encoding="utf-8")
