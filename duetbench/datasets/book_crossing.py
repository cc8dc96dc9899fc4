"""Book-Crossing: ratings of books from 1 to 10, without times and reviews."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from duetbench.datasets.delimited import DelimitedDataset

if TYPE_CHECKING:
    import polars as pl

    from duetbench.data.readers.delimited import DelimitedFormat


class BookCrossing(DelimitedDataset):
    """`BX-Book-Ratings.csv` and `BX-Books.csv`; a rating of 0 is implicit feedback and is left out."""

    name = card_name = "book-crossing"
    summary = "Book-Crossing: ratings of books, 1 to 10, without times and reviews"
    source = "Ziegler et al. 2005"

    def has_times(self) -> bool:
        return False

    def formats(self) -> Mapping[str, DelimitedFormat]:
        from duetbench.data.readers.delimited import DelimitedFormat

        form = DelimitedFormat(";", encoding="latin-1", escape="\\")
        return {"reviews": form, "items": form}

    def item_table(self, frame: pl.DataFrame) -> pl.DataFrame:
        import polars as pl

        about = pl.concat_str("Book-Author", "Year-Of-Publication", "Publisher", separator=", ", ignore_nulls=True)
        return frame.select("ISBN", "Book-Title", about.alias("description"))
