"""Goodreads: reviews of books from the UCSD Book Graph, complete or of one genre."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from duetbench.datasets.base import CardDataset
from duetbench.datasets.cards import DatasetCard, card_for_category
from duetbench.interfaces import option

if TYPE_CHECKING:
    import polars as pl

    from duetbench.data.readers.validation import RowCounts

_ALL = "all"


class Goodreads(CardDataset):
    """Reviews with their last update as time: a text may have changed until then, and prompts contain the last one."""

    name = card_name = "goodreads"
    summary = "Goodreads reviews of books, complete or of one genre"
    source = "Wan & McAuley 2018; Wan et al. 2019"

    @dataclass(frozen=True)
    class Config(CardDataset.Config):
        genre: str = option("poetry", "the genre, as written in the file names; all: the complete reviews")

    @property
    def card(self) -> DatasetCard:
        return card_for_category(super().card, self.config.genre)

    def release_in(self, folder: Path) -> str:
        return "complete" if self.config.genre == _ALL else "genre"

    def interactions(self, files: Mapping[str, Path], row_counts: RowCounts) -> Iterator[pl.DataFrame]:
        import polars as pl

        from duetbench.data.readers.jsonl import read_json_lines
        from duetbench.data.readers.times import missing_to_null, to_seconds
        from duetbench.data.readers.validation import validate_interactions

        texts = ("user_id", "book_id", "review_text", "date_updated")
        bounds = self.row_bounds("2006-01-01")
        schema = dict.fromkeys(texts, pl.String()) | {"rating": pl.Float64()}
        for frame, location in read_json_lines(files["reviews"], schema, row_counts):
            canonical = frame.select(
                "user_id",
                pl.col("book_id").alias("item_id"),
                "rating",
                to_seconds(missing_to_null(frame["date_updated"]), "date").alias("timestamp"),
                pl.col("review_text").alias("review"),
                pl.lit("").alias("summary"),
            )
            yield validate_interactions(self.without_unrated(canonical, row_counts), bounds, row_counts, location)

    def items(self, files: Mapping[str, Path], row_counts: RowCounts, rated: Set[str]) -> Iterator[pl.DataFrame]:
        import polars as pl

        from duetbench.data.readers.jsonl import read_json_lines
        from duetbench.data.readers.validation import validate_items

        schema = dict.fromkeys(("book_id", "title", "description"), pl.String())
        for frame, location in read_json_lines(files["items"], schema, row_counts):
            no_categories = pl.lit([], dtype=pl.List(pl.String)).alias("categories")
            yield validate_items(frame.with_columns(no_categories).rename({"book_id": "item_id"}), row_counts, location)
