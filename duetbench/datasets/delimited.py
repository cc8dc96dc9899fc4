"""The base class of datasets in delimited text, which are read as `duetbench data import` reads tables."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from duetbench.datasets.base import CardDataset

if TYPE_CHECKING:
    import polars as pl

    from duetbench.data.readers.delimited import DelimitedFormat
    from duetbench.data.readers.validation import RowCounts


class DelimitedDataset(CardDataset):
    """A table of ratings and a table of items; columns are found by their usual names."""

    since: ClassVar[str] = "1995-01-01"
    """Earliest valid date."""

    @abstractmethod
    def formats(self) -> Mapping[str, DelimitedFormat]:
        """The format of the table by role."""

    def item_table(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The table of items with columns for title, categories and description; by default as it is in the file."""
        return frame

    def interactions(self, files: Mapping[str, Path], row_counts: RowCounts) -> Iterator[pl.DataFrame]:
        from duetbench.data.interchange.column_mapping import INTERACTION_COLUMNS, find_columns, map_interactions
        from duetbench.data.readers.delimited import read_delimited_parts
        from duetbench.data.readers.times import NO_TIMES
        from duetbench.data.readers.validation import validate_interactions

        time_form, since = ("s", self.since) if self.has_times() else (NO_TIMES, "1970-01-01")
        bounds = self.row_bounds(since)
        n_rows = 0
        for frame, location in read_delimited_parts(files["reviews"], self.formats()["reviews"], row_counts):
            columns = find_columns(frame.columns, {}, INTERACTION_COLUMNS, ("user_id", "item_id", "rating"))
            mapped = map_interactions(frame, columns, time_form, row_counts, location)
            rated = self.without_unrated(mapped, row_counts)
            rows = validate_interactions(rated, bounds, row_counts, location)
            yield rows if self.has_times() else _with_positions(rows, n_rows)
            n_rows += rows.height

    def items(self, files: Mapping[str, Path], row_counts: RowCounts, rated: Set[str]) -> Iterator[pl.DataFrame]:
        from duetbench.data.interchange.column_mapping import ITEM_COLUMNS, find_columns, map_item_rows
        from duetbench.data.readers.delimited import read_delimited_parts
        from duetbench.data.readers.validation import validate_items

        for frame, location in read_delimited_parts(files["items"], self.formats()["items"], row_counts):
            table = self.item_table(frame)
            columns = find_columns(table.columns, {}, ("item_id", *ITEM_COLUMNS), ("item_id",))
            yield validate_items(map_item_rows(table, columns), row_counts, location)


def _with_positions(rows: pl.DataFrame, first: int) -> pl.DataFrame:
    """The rows with their position in the file as timestamp."""
    import polars as pl

    return rows.with_columns(timestamp=pl.int_range(first, first + rows.height, dtype=pl.Int64))
