"""Interactions as numbers."""

from __future__ import annotations

import numpy as np
import polars as pl

from duetbench.data.rows import Hashes, build_rows, encode_ids, hash_ids


def test_equal_ids_have_equal_codes_in_all_parts() -> None:
    ids = [f"id{row % 700}" for row in range(3_000)]
    codes = encode_ids([hash_ids(pl.Series(ids[:1_000])), hash_ids(pl.Series(ids[1_000:]))]).tolist()
    assert len(set(zip(ids, codes, strict=True))) == len(set(ids)) == len(set(codes)) == 700
    assert set(codes) == set(range(700))


def test_ids_with_the_same_first_hash_have_different_codes() -> None:
    first = np.array([7, 7, 7, 2**63], dtype=np.uint64)
    second = np.array([1, 2, 1, 1], dtype=np.uint64)
    codes = encode_ids([Hashes(first, second)]).tolist()
    assert codes[0] == codes[2]
    assert len(set(codes)) == 3


def test_no_ids_have_no_codes() -> None:
    assert encode_ids([hash_ids(pl.Series([], dtype=pl.String))]).tolist() == []


def test_parts_become_one_table() -> None:
    parts = [
        pl.DataFrame({"user_id": ["a"], "item_id": ["x"], "timestamp": [5], "split": ["test"]}),
        pl.DataFrame({"user_id": ["b", "a"], "item_id": ["x", "y"], "timestamp": [3, 4], "split": [None, "train"]}),
    ]
    rows = build_rows(parts, pl.Series(["x", "unrated"]))
    assert rows.row.tolist() == [0, 1, 2]
    assert rows.user[0] == rows.user[2] != rows.user[1]
    assert rows.item[0] == rows.item[1] != rows.item[2]
    assert (rows.time.tolist(), rows.split.tolist(), rows.titled.tolist()) == (
        [5, 3, 4],
        [2, -1, 0],
        [True, True, False],
    )
