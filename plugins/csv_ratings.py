"""A dataset from one CSV file of your own; which column holds what is an option."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from duetbench.errors import DataError, MissingRawFiles
from duetbench.hookspecs import hookimpl
from duetbench.interfaces import Dataset, Tables, option
from duetbench.types import Domain

if TYPE_CHECKING:
    import polars as pl


class CsvRatings(Dataset):
    """Rows without a user, an item, a time or a rating on the scale are left out and counted."""

    name = "csv"
    summary = "ratings and reviews from a CSV file of your own"

    @dataclass(frozen=True)
    class Config:
        """Where the file is and what its columns are called."""

        file: str = option("ratings.csv", "the file, in the folder of raw files")
        noun: str = option("product", "what is rated, as prompts name it")
        plural: str = option("products", "several of them")
        user: str = option("user", "column of the user")
        item: str = option("item", "column of the item")
        rating: str = option("rating", "column of the rating, 1 to 5")
        time: str = option("time", "column of the time, in seconds since 1970")
        review: str = option("review", "column of the review; left empty if there is none")
        title: str = option("title", "column of the item's title; the item's name stands in if there is none")

    def domain(self) -> Domain:
        """Five stars for the noun given."""
        return Domain(self.config.noun, self.config.plural)

    def raw_files(self, folder: Path) -> dict[str, Path]:
        """The one file."""
        path = folder / self.config.file
        if not path.is_file():
            raise MissingRawFiles(f"dataset 'csv' needs {self.config.file}: put it into {folder}, or set csv.file")
        return {"ratings": path}

    def read(self, files: Mapping[str, Path]) -> Tables:
        """The canonical tables, in the order of the file."""
        raw = _read(files["ratings"])
        wanted = (self.config.user, self.config.item, self.config.rating, self.config.time)
        missing = [column for column in wanted if column not in raw.columns]
        if missing:
            known = ", ".join(raw.columns)
            raise DataError(
                f"{files['ratings']} has no column {', '.join(missing)}; it has {known}; set csv.rating and so on"
            )
        rows = self._rows(raw)
        domain = self.domain()
        kept = rows.filter(rows["rating"].is_between(domain.labels[0], domain.labels[-1])).drop_nulls()
        items = kept.unique("item_id", keep="first", maintain_order=True)
        return Tables(kept.drop("title"), _items(items), {"row that lacks something": rows.height - kept.height})

    def _rows(self, raw: pl.DataFrame) -> pl.DataFrame:
        import polars as pl

        def text(column: str, otherwise: str | None = None) -> pl.Expr:
            if column in raw.columns:
                return pl.col(column).fill_null("")
            return pl.col(otherwise) if otherwise else pl.lit("")

        return raw.select(
            user_id=self.config.user,
            item_id=self.config.item,
            rating=pl.col(self.config.rating).cast(pl.Float64, strict=False),
            timestamp=pl.col(self.config.time).cast(pl.Int64, strict=False),
            review=text(self.config.review),
            summary=pl.lit(""),
            title=text(self.config.title, self.config.item),
        )


def _read(path: Path) -> pl.DataFrame:
    import polars as pl

    try:
        return pl.read_csv(path, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{path} is no CSV file: {' '.join(str(error).split())}") from error


def _items(rows: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    nothing = pl.lit([], dtype=pl.List(pl.String))
    return rows.select("item_id", "title", categories=nothing, description=pl.lit(""))


@hookimpl
def duetbench_register_datasets() -> list[type[Dataset]]:
    """The dataset of this file."""
    return [CsvRatings]
