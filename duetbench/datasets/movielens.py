"""MovieLens: ratings of movies without reviews, in the releases 100K, 1M and latest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from duetbench.datasets.delimited import DelimitedDataset

if TYPE_CHECKING:
    import polars as pl

    from duetbench.data.readers.delimited import DelimitedFormat

_RATINGS = ("user_id", "item_id", "rating", "timestamp")
_GENRES = (
    "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy", "Film-Noir",
    "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip


class MovieLens100k(DelimitedDataset):
    """`u.data` and `u.item`, of 1997 and 1998."""

    name = card_name = "ml-100k"
    summary = "MovieLens 100K: ratings of movies, 1 to 5, without reviews"
    source = "Harper & Konstan 2015; grouplens.org/datasets/movielens/100k"

    def formats(self) -> Mapping[str, DelimitedFormat]:
        from duetbench.data.readers.delimited import DelimitedFormat

        unused = ("", "", "", "")  # two dates, the address in IMDb, and the genre "unknown"
        items = DelimitedFormat("|", ("item_id", "title", *unused, *_GENRES), "latin-1")
        return {"reviews": DelimitedFormat("\t", _RATINGS), "items": items}

    def item_table(self, frame: pl.DataFrame) -> pl.DataFrame:
        import polars as pl

        genres = pl.concat_list(pl.when(pl.col(genre) == "1").then(pl.lit(genre)) for genre in _GENRES)
        title = pl.when(pl.col("title") != "unknown").then("title")
        return frame.select("item_id", title.alias("title"), genres.list.drop_nulls().alias("categories"))


class MovieLens1M(DelimitedDataset):
    """`ratings.dat` and `movies.dat`, of 2000 to 2003."""

    name = card_name = "ml-1m"
    summary = "MovieLens 1M: ratings of movies, 1 to 5, without reviews"
    source = "Harper & Konstan 2015; grouplens.org/datasets/movielens/1m"

    def formats(self) -> Mapping[str, DelimitedFormat]:
        from duetbench.data.readers.delimited import DelimitedFormat

        items = DelimitedFormat("::", ("item_id", "title", "categories"), "latin-1")
        return {"reviews": DelimitedFormat("::", _RATINGS), "items": items}


class MovieLensLatest(DelimitedDataset):
    """`ratings.csv` and `movies.csv`, as in ml-latest, ml-latest-small, ml-20m, ml-25m and ml-32m."""

    name = card_name = "ml-latest"
    summary = "MovieLens latest, 20M, 25M or 32M: ratings of movies, 0.5 to 5, without reviews"
    source = "Harper & Konstan 2015; grouplens.org/datasets/movielens/latest"

    def formats(self) -> Mapping[str, DelimitedFormat]:
        from duetbench.data.readers.delimited import DelimitedFormat

        return {"reviews": DelimitedFormat(), "items": DelimitedFormat()}

    def item_table(self, frame: pl.DataFrame) -> pl.DataFrame:
        import polars as pl

        return frame.with_columns(pl.when(pl.col("genres") != "(no genres listed)").then("genres"))
