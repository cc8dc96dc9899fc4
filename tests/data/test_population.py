"""What is known of every user and item at a cut."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from prepared_making import prepared

from duetbench.data import HistoryOptions, Prepared
from duetbench.data.population import NO_ITEM, population_at

LINES = [
    ("a", "x", 5.0, 1, "train"),
    ("b", "x", 1.0, 2, "train"),
    ("a", "y", 3.0, 3, "train"),
    ("a", "z", 2.0, 4, "valid"),
    ("b", "y", 4.0, 5, "test"),
    ("c", "w", 4.0, 6, "test"),
]
OPTIONS = HistoryOptions()


def canaries(made: Prepared) -> Prepared:
    """The dataset with a word of its own in each review, which names the row's split."""
    words = pl.concat_str(pl.lit("zqcanary"), "split", "row")
    return made.with_interactions(made.interactions.with_columns(review=words, summary=words))


WORLD = canaries(prepared(*LINES))


def found(side: Any, cut: Any, **options: Any) -> dict[str, Any]:
    return {one.ident: one for one in population_at(WORLD, side, HistoryOptions(**options), cut).known}


def test_a_user_s_history_goes_up_to_the_cut():
    assert [line.item.item_id for line in found("user", "train")["a"].request.user_history] == ["x", "y"]
    assert [line.item.item_id for line in found("user", "train+valid")["a"].request.user_history] == ["x", "y", "z"]
    assert [line.item.item_id for line in found("user", "all")["b"].request.user_history] == ["x", "y"]


def test_an_item_s_history_holds_everybody_who_rated_it():
    assert [line.user_id for line in found("item", "train")["x"].request.item_history] == ["a", "b"]
    assert [line.user_id for line in found("item", "all")["y"].request.item_history] == ["a", "b"]


def test_who_occurs_only_later_has_no_request_and_is_counted():
    users = population_at(WORLD, "user", OPTIONS, "train")
    assert [one.ident for one in users.known] == ["a", "b"]
    assert users.unknown == 1
    items = population_at(WORLD, "item", OPTIONS, "train")
    assert [one.ident for one in items.known] == ["x", "y"]
    assert items.unknown == 2
    assert population_at(WORLD, "user", OPTIONS, "all").unknown == 0


@pytest.mark.parametrize("side", ["user", "item"])
def test_nothing_of_later_splits_is_in_an_earlier_cut(side):
    told = repr(population_at(WORLD, side, OPTIONS, "train").known)
    assert "zqcanarytrain" in told
    assert "zqcanaryvalid" not in told
    assert "zqcanarytest" not in told
    assert "zqcanarytest" not in repr(population_at(WORLD, side, OPTIONS, "train+valid").known)
    assert "zqcanarytest" in repr(population_at(WORLD, side, OPTIONS, "all").known)


def test_averages_are_those_of_the_cut():
    assert found("user", "train", average="all")["a"].request.user_average == 4.0
    assert found("user", "train+valid", average="all")["a"].request.user_average == pytest.approx(10 / 3)
    assert found("item", "train")["x"].request.item_average == 3.0


def test_the_latest_k_are_kept_and_all_are_counted():
    one = found("user", "all", k=1, average_k=1)["a"]
    assert [line.item.item_id for line in one.request.user_history] == ["z"]
    assert one.n_before == 3


def test_the_other_side_is_empty():
    request = found("user", "train")["a"].request
    assert (request.item, request.item_history, request.item_average) == (NO_ITEM, (), None)
    assert found("item", "train")["x"].request.user_id == ""


def test_a_request_is_asked_after_all_that_it_holds():
    assert population_at(WORLD, "user", OPTIONS, "train").until == 3
    assert found("user", "train")["b"].request.asked_at == 4
