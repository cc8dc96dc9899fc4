"""Checks on the tables of a prepared dataset."""

from __future__ import annotations

import polars as pl

from duetbench.data.leakage.findings import LeakageFinding
from duetbench.data.preparation.prepared import Prepared
from duetbench.data.readers.validation import INTERACTION_SCHEMA, ITEM_SCHEMA

_CANONICAL_COLUMNS = {
    "interactions": {"row", *INTERACTION_SCHEMA, "split"},
    "items": set(ITEM_SCHEMA),
}


def check_tables(prepared: Prepared) -> list[LeakageFinding]:
    """Findings in the tables: (user, item) pairs that occur twice, and columns that a strategy must not see."""
    return [*_check_pairs(prepared), *_check_columns(prepared)]


def _check_pairs(prepared: Prepared) -> list[LeakageFinding]:
    pairs = prepared.interactions.group_by("user_id", "item_id").agg(pl.len().alias("n")).filter(pl.col("n") > 1)
    if not pairs.height:
        return []
    user, item, n = pairs.sort("n", "user_id", "item_id", descending=[True, False, False]).row(0)
    detail = f"{pairs.height} pairs occur more than once ({user} with {item} {n} times): add the step dedupe"
    return [LeakageFinding("same_pair", "interactions", detail)]


def _check_columns(prepared: Prepared) -> list[LeakageFinding]:
    tables = {"interactions": prepared.interactions, "items": prepared.items}
    return [
        LeakageFinding("banned_field", name, f"the column '{column}' is not a canonical column")
        for name, table in tables.items()
        for column in table.columns
        if column not in _CANONICAL_COLUMNS[name]
    ]
