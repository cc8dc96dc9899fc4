"""A dataset from your own CSV file, with options for the names of its columns."""

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
    """Rows without a user, an item, a time or a rating on the scale are dropped and counted."""

    name = "csv"
    summary = "ratings and reviews from your own CSV file"

    @dataclass(frozen=True)
    class Config:
        """File, domain and column names."""

        file: str = option("ratings.csv", "name of the file in the folder of raw files")
        noun: str = option("product", "what is rated, singular, as prompts name it")
        plural: str = option("products", "what is rated, plural")
        user: str = option("user", "column of the user id")
        item: str = option("item", "column of the item id")
        rating: str = option("rating", "column of the rating, 1 to 5")
        time: str = option("time", "column of the time, in seconds since 1970")
        review: str = option("review", "column of the review; without it, reviews are empty")
        title: str = option("title", "column of the item's title; without it, the item id is the title")

    def domain(self) -> Domain:
        return Domain(self.config.noun, self.config.plural)

    def raw_files(self, folder: Path) -> dict[str, Path]:
        path = folder / self.config.file
        if not path.is_file():
            raise MissingRawFiles(f"dataset 'csv' needs {self.config.file}: put it into {folder}, or set csv.file")
        return {"ratings": path}

    def read(self, files: Mapping[str, Path]) -> Tables:
        raw = _read(files["ratings"])
        required = (self.config.user, self.config.item, self.config.rating, self.config.time)
        missing = [column for column in required if column not in raw.columns]
        if missing:
            raise DataError(
                f"{files['ratings']} has no column {', '.join(missing)}, only {', '.join(raw.columns)}: "
                f"set csv.user, csv.item, csv.rating or csv.time"
            )
        rows = self._rows(raw)
        domain = self.domain()
        kept = rows.filter(rows["rating"].is_between(domain.labels[0], domain.labels[-1])).drop_nulls()
        items = kept.unique("item_id", keep="first", maintain_order=True)
        return Tables(kept.drop("title"), _items(items), {"incomplete or invalid row": rows.height - kept.height})

    def _rows(self, raw: pl.DataFrame) -> pl.DataFrame:
        import polars as pl

        def text(column: str, fallback: str | None = None) -> pl.Expr:
            if column in raw.columns:
                return pl.col(column).fill_null("")
            return pl.col(fallback) if fallback else pl.lit("")

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
        raise DataError(f"{path} is not a valid CSV file: {' '.join(str(error).split())}") from error


def _items(rows: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    no_categories = pl.lit([], dtype=pl.List(pl.String))
    return rows.select("item_id", "title", categories=no_categories, description=pl.lit(""))


@hookimpl
def duetbench_register_datasets() -> list[type[Dataset]]:
    return [CsvRatings]
