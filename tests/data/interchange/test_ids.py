"""The same id has the same text, whether a tool has written it as a whole number or as a float."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from duetbench.data.interchange.ids import read_ids


@pytest.mark.parametrize(
    ("values", "texts", "n_changed"),
    [
        ([1.0, 2.0], ["1", "2"], 2),
        ([1.0, None, float("nan")], ["1", None, None], 1),
        ([1.5, 2.0], ["1.5", "2.0"], 0),
        ([1, 2], ["1", "2"], 0),
        (["1.0", "2.0"], ["1", "2"], 2),
        (["1", "2.0", None], ["1", "2", None], 1),
        (["1.0", "b"], ["1.0", "b"], 0),
        (["v1.0", "v2.0"], ["v1.0", "v2.0"], 0),
        (["007", "1.00"], ["007", "1.00"], 0),
    ],
)
def test_whole_numbers_lose_their_fraction(values: list[Any], texts: list[str | None], n_changed: int) -> None:
    ids, n = read_ids(pl.Series(values, strict=False))
    assert (ids.to_list(), n) == (texts, n_changed)


def test_floats_above_the_exact_whole_numbers_are_not_changed() -> None:
    assert read_ids(pl.Series([1e17]))[1] == 0
