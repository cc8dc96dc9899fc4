"""Steam: reviews of games by users from Australia, each with a recommendation, 0 or 1."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duetbench.datasets.base import CardDataset
from duetbench.interfaces import option

if TYPE_CHECKING:
    import polars as pl

    from duetbench.data.readers.validation import RowCounts

_DATE = r"^(?:Posted|Last edited) (.*?)\.?$"
_YEAR = r", \d{4}$"


class Steam(CardDataset):
    """Reviews with their last edit as time: a text may have changed until then, and prompts contain the last one."""

    name = card_name = "steam"
    summary = "Steam reviews of games; a rating is 1 if the user recommends the game, else 0"
    source = "Pathak et al. 2017; Kang & McAuley 2018"

    @dataclass(frozen=True)
    class Config(CardDataset.Config):
        year: int = option(2016, "year of dates without one: Steam writes none for the year in which a page is read")

    def interactions(self, files: Mapping[str, Path], row_counts: RowCounts) -> Iterator[pl.DataFrame]:
        import polars as pl

        from duetbench.data.readers.literals import read_literal_lines
        from duetbench.data.readers.times import missing_to_null, to_seconds
        from duetbench.data.readers.validation import validate_interactions

        texts = ("user_id", "item_id", "date", "review", "summary")
        schema = dict.fromkeys(texts, pl.String()) | {"rating": pl.Float64()}
        bounds = self.row_bounds("2003-01-01")
        for frame, location in read_literal_lines(files["reviews"], schema, _reviews, row_counts):
            date = frame["date"].str.replace(_DATE, "$1")
            has_year = date.str.contains(_YEAR).fill_null(True)
            row_counts.note(f"time without a year, read as of {self.config.year}", int((~has_year).sum()))
            dated = date.zip_with(has_year, date + f", {self.config.year}")
            seconds = to_seconds(missing_to_null(dated), "date").alias("timestamp")
            yield validate_interactions(frame.with_columns(seconds), bounds, row_counts, location)

    def items(self, files: Mapping[str, Path], row_counts: RowCounts, rated: Set[str]) -> Iterator[pl.DataFrame]:
        from duetbench.data.readers.literals import read_literal_lines
        from duetbench.data.readers.validation import ITEM_SCHEMA, validate_items

        for frame, location in read_literal_lines(files["items"], ITEM_SCHEMA, _games, row_counts):
            yield validate_items(frame, row_counts, location)


def _reviews(user: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The reviews in a line, which has all of one user."""
    from duetbench.data.readers.literals import text_or_none

    for review in user.get("reviews") or ():
        if not isinstance(review, dict) or not isinstance(review.get("recommend"), bool):
            raise TypeError(f"expected a review with a recommendation, got {review!r}")
        yield {
            "user_id": text_or_none(user.get("user_id")),
            "item_id": text_or_none(review.get("item_id")),
            "rating": float(review["recommend"]),
            "date": text_or_none(review.get("last_edited") or review.get("posted")),
            "review": text_or_none(review.get("review")),
            "summary": "",
        }


def _games(game: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    from duetbench.data.readers.literals import text_or_none

    yield {
        "item_id": text_or_none(game.get("id")),
        "title": text_or_none(game.get("title") or game.get("app_name")),
        "categories": [text_or_none(genre) for genre in game.get("genres") or ()],
        "description": "",
    }
