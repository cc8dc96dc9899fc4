"""Interactions as numbers."""

from __future__ import annotations

import gc

import polars as pl

from duetbench.data.rows import Encoder, rows_of


def test_an_id_keeps_its_number_from_call_to_call() -> None:
    encoder = Encoder()
    first = encoder.codes(pl.Series(["a", "b"])).tolist()
    gc.collect()
    assert encoder.codes(pl.Series(["c", "b", "a"])).tolist()[1:] == first[::-1]


def test_encoders_know_nothing_of_each_other() -> None:
    Encoder().codes(pl.Series(["a", "b", "c"]))
    assert max(Encoder().codes(pl.Series(["d"]))) == 1


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
