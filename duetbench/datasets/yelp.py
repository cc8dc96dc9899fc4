"""The Yelp Open Dataset: reviews of businesses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import TYPE_CHECKING

from duetbench.datasets.base import CardDataset

if TYPE_CHECKING:
    import polars as pl

    from duetbench.data.readers.validation import RowCounts


class Yelp(CardDataset):
    """Reviews and businesses, of which the DUET paper uses the last six months."""

    name = card_name = "yelp"
    summary = "Yelp Open Dataset, last six months; the paper's Yelp"
    source = "Yelp Open Dataset, business.yelp.com/data/resources/open-dataset"
    version = 2

    def interactions(self, files: Mapping[str, Path], row_counts: RowCounts) -> Iterator[pl.DataFrame]:
        from duetbench.data.readers.yelp import read_reviews

        return read_reviews(files["reviews"], row_counts)

    def items(self, files: Mapping[str, Path], row_counts: RowCounts, rated: Set[str]) -> Iterator[pl.DataFrame]:
        from duetbench.data.readers.yelp import read_businesses

        return read_businesses(files["items"], row_counts)
