"""Google Local: reviews of places in one state of the USA, as collected in 2021."""

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


class GoogleLocal(CardDataset):
    """`review-STATE_10.json` or `review-STATE.json`, and `meta-STATE.json`."""

    name = card_name = "google-local"
    summary = "Google Local reviews of places in one state of the USA"
    source = "Li et al. 2022; Yan et al. 2023"

    @dataclass(frozen=True)
    class Config(CardDataset.Config):
        state: str = option("Vermont", "the state, as written in the file names, such as New_York")

    @property
    def card(self) -> DatasetCard:
        return card_for_category(super().card, self.config.state)

    def interactions(self, files: Mapping[str, Path], row_counts: RowCounts) -> Iterator[pl.DataFrame]:
        import polars as pl

        from duetbench.data.readers.jsonl import read_json_lines
        from duetbench.data.readers.validation import validate_interactions

        bounds = self.row_bounds("1990-01-01", ticks_per_second=1000)
        texts = dict.fromkeys(("user_id", "gmap_id", "text"), pl.String())
        schema = texts | {"rating": pl.Float64(), "time": pl.Int64()}
        for frame, location in read_json_lines(files["reviews"], schema, row_counts):
            canonical = frame.rename({"gmap_id": "item_id", "time": "timestamp", "text": "review"})
            canonical = canonical.with_columns(summary=pl.lit(""))
            yield validate_interactions(canonical, bounds, row_counts, location)

    def items(self, files: Mapping[str, Path], row_counts: RowCounts, rated: Set[str]) -> Iterator[pl.DataFrame]:
        import polars as pl

        from duetbench.data.readers.jsonl import read_json_lines
        from duetbench.data.readers.validation import validate_items

        texts = dict.fromkeys(("gmap_id", "name", "description", "address"), pl.String())
        for frame, location in read_json_lines(files["items"], texts | {"category": pl.List(pl.String())}, row_counts):
            canonical = frame.select(
                pl.col("gmap_id").alias("item_id"),
                pl.col("name").alias("title"),
                pl.col("category").alias("categories"),
                pl.concat_str("description", "address", separator=" ", ignore_nulls=True).alias("description"),
            )
            yield validate_items(canonical, row_counts, location)
