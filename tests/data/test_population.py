"""Histories of all users and items at a cut."""

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


def with_canaries(dataset: Prepared) -> Prepared:
    """The dataset with a unique word in each review, which names the row's split."""
    words = pl.concat_str(pl.lit("zqcanary"), "split", "row")
    return dataset.with_interactions(dataset.interactions.with_columns(review=words, summary=words))


WORLD = with_canaries(prepared(*LINES))


def known(side: Any, cut: Any, **options: Any) -> dict[str, Any]:
    population = population_at(WORLD, side, HistoryOptions(**options), cut)
    return {entity.entity_id: entity for entity in population.known}


def test_a_user_s_history_goes_up_to_the_cut():
    assert [line.item.item_id for line in known("user", "train")["a"].request.user_history] == ["x", "y"]
    assert [line.item.item_id for line in known("user", "train+valid")["a"].request.user_history] == ["x", "y", "z"]
    assert [line.item.item_id for line in known("user", "all")["b"].request.user_history] == ["x", "y"]


def test_an_item_s_history_contains_all_users_who_rated_it():
    assert [line.user_id for line in known("item", "train")["x"].request.item_history] == ["a", "b"]
    assert [line.user_id for line in known("item", "all")["y"].request.item_history] == ["a", "b"]


def test_users_and_items_that_occur_only_later_are_counted_as_unknown():
    users = population_at(WORLD, "user", OPTIONS, "train")
    assert [user.entity_id for user in users.known] == ["a", "b"]
    assert users.n_unknown == 1
    items = population_at(WORLD, "item", OPTIONS, "train")
    assert [item.entity_id for item in items.known] == ["x", "y"]
    assert items.n_unknown == 2
    assert population_at(WORLD, "user", OPTIONS, "all").n_unknown == 0


@pytest.mark.parametrize("side", ["user", "item"])
def test_nothing_of_later_splits_is_in_an_earlier_cut(side):
    content = repr(population_at(WORLD, side, OPTIONS, "train").known)
    assert "zqcanarytrain" in content
    assert "zqcanaryvalid" not in content
    assert "zqcanarytest" not in content
    assert "zqcanarytest" not in repr(population_at(WORLD, side, OPTIONS, "train+valid").known)
    assert "zqcanarytest" in repr(population_at(WORLD, side, OPTIONS, "all").known)


def test_averages_are_those_of_the_cut():
    assert known("user", "train", average="all")["a"].request.user_average == 4.0
    assert known("user", "train+valid", average="all")["a"].request.user_average == pytest.approx(10 / 3)
    assert known("item", "train")["x"].request.item_average == 3.0


def test_the_latest_k_are_kept_and_all_are_counted():
    user = known("user", "all", k=1, average_k=1)["a"]
    assert [line.item.item_id for line in user.request.user_history] == ["z"]
    assert user.n_before == 3


def test_the_other_side_is_empty():
    request = known("user", "train")["a"].request
    assert (request.item, request.item_history, request.item_average) == (NO_ITEM, (), None)
    assert known("item", "train")["x"].request.user_id == ""


def test_a_request_is_later_than_its_history():
    assert population_at(WORLD, "user", OPTIONS, "train").latest == 3
    assert known("user", "train")["b"].request.asked_at == 4
