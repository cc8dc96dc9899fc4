"""Prepared datasets in memory, for tests."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from duetbench.data import Prepared
from duetbench.data.readers.validation import empty_items
from duetbench.types import Domain

Line = tuple[str, str, float, int, str]


def prepared(*lines: Line) -> Prepared:
    """A prepared dataset in memory, from (user, item, rating, time, split)."""
    dataset = Prepared("test", Domain("album", "albums"), "f", (), {}, {}, Path("nowhere"))
    columns = list(zip(*lines, strict=True))
    frame = pl.DataFrame(dict(zip(("user_id", "item_id", "rating", "timestamp", "split"), columns, strict=True)))
    texts = pl.concat_str("user_id", "item_id", "timestamp", separator="/")
    frame = frame.with_row_index("row").with_columns(
        pl.col("row").cast(pl.Int64), texts.alias("review"), summary=pl.lit("s")
    )
    dataset.__dict__["interactions"] = frame.sort("timestamp", "row")
    dataset.__dict__["items"] = empty_items()
    return dataset
