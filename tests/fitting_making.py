"""Small tables of ratings as fitting data, with the histories that the core builds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from duetbench.data import HistoryOptions, Prepared
from duetbench.interfaces import FittingData
from duetbench.runner.examples import fitting_data
from duetbench.types import Domain

ALBUMS = Domain("album", "albums")
Row = tuple[str, str, float]


def prepared(
    train: Sequence[Row],
    valid: Sequence[Row] = (),
    test: Sequence[Row] = (),
    *,
    domain: Domain = ALBUMS,
    reviews: bool = True,
    categories: bool = True,
) -> Prepared:
    """A dataset of (user, item, rating) in order of time."""
    rows = [*train, *valid, *test]
    splits = ["train"] * len(train) + ["valid"] * len(valid) + ["test"] * len(test)
    interactions = pl.DataFrame(
        {
            "row": range(len(rows)),
            "user_id": [user for user, _, _ in rows],
            "item_id": [item for _, item, _ in rows],
            "rating": [float(rating) for _, _, rating in rows],
            "timestamp": range(100, 100 + len(rows)),
            "review": [f"{_WORDS[int(rating) % 5]} record by {item}" if reviews else "" for _, item, rating in rows],
            "summary": [""] * len(rows),
            "split": splits,
        },
        schema_overrides={"user_id": pl.String, "item_id": pl.String, "rating": pl.Float64, "split": pl.String},
    )
    ids = sorted({item for _, item, _ in rows})
    genres = [["Music", "jazz" if n % 2 else "folk"] if categories else [] for n in range(len(ids))]
    items = pl.DataFrame(
        {"item_id": ids, "title": ids, "categories": genres, "description": [""] * len(ids)},
        schema_overrides={"item_id": pl.String, "title": pl.String, "categories": pl.List(pl.String)},
    )
    result = Prepared("made", domain, "0" * 64, (), {}, {}, Path("absent"))
    result.__dict__.update(interactions=interactions, items=items)
    return result


_WORDS = ("superb", "awful", "weak", "plain", "good")


def fitting(train: Sequence[Row], valid: Sequence[Row] = (), **options: Any) -> FittingData:
    """The fitting data of `prepared`."""
    return fitting_data(prepared(train, valid, **options), HistoryOptions())


def taste_rows(n: int = 240, *, labels: Sequence[int] = (1, 2, 3, 4, 5)) -> list[Row]:
    """Ratings that depend on user and item: half of the users rate high, and a quarter of the items are worse."""
    rows = []
    for k in range(n):
        user, item = k * 7 % 20, (k * 11 + k // 20) % 16
        level = 3 + (user % 2) - (item % 4 == 0) * 2 - (k % 9 == 0)
        rows.append((f"u{user}", f"i{item}", float(labels[min(level, len(labels) - 1)])))
    return list({(user, item): (user, item, rating) for user, item, rating in rows}.values())
