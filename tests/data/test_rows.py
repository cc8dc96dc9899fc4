"""Interactions as numbers."""

from __future__ import annotations

import numpy as np
import polars as pl

from duetbench.data.rows import Hashes, hashes, number, rows_of


def test_equal_ids_have_equal_numbers_across_parts() -> None:
    ids = [f"id{place % 700}" for place in range(3_000)]
    numbers = number([hashes(pl.Series(ids[:1_000])), hashes(pl.Series(ids[1_000:]))]).tolist()
    assert len(set(zip(ids, numbers, strict=True))) == len(set(ids)) == len(set(numbers)) == 700
    assert set(numbers) == set(range(700))


def test_ids_that_share_a_hash_stay_apart() -> None:
    first = np.array([7, 7, 7, 2**63], dtype=np.uint64)
    second = np.array([1, 2, 1, 1], dtype=np.uint64)
    numbers = number([Hashes(first, second)]).tolist()
    assert numbers[0] == numbers[2]
    assert len(set(numbers)) == 3


def test_no_ids_have_no_numbers() -> None:
    assert number([hashes(pl.Series([], dtype=pl.String))]).tolist() == []


def test_parts_become_one_table() -> None:
    parts = [
        pl.DataFrame({"user_id": ["a"], "item_id": ["x"], "timestamp": [5], "split": ["test"]}),
        pl.DataFrame({"user_id": ["b", "a"], "item_id": ["x", "y"], "timestamp": [3, 4], "split": [None, "train"]}),
    ]
    rows = rows_of(parts, pl.Series(["x", "unrated"]))
    assert rows.row.tolist() == [0, 1, 2]
    assert rows.user[0] == rows.user[2] != rows.user[1]
    assert rows.item[0] == rows.item[1] != rows.item[2]
    assert (rows.time.tolist(), rows.split.tolist(), rows.titled.tolist()) == (
        [5, 3, 4],
        [2, -1, 0],
        [True, True, False],
    )
