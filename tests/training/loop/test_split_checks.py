"""Checks of the rows of a training."""

from __future__ import annotations

import pytest

from duetbench.errors import TrainingError
from duetbench.training.loop.split_checks import check_rows
from duetbench.types import Domain, Example, Item, Request


def example(request_id: str) -> Example:
    return Example(Request(request_id, "user", Item("item", "Title"), 10, Domain("album", "albums")), 4.0)


def test_rows_of_the_right_split_pass():
    check_rows([example("train:1"), example("train:2")], [example("valid:3")])


@pytest.mark.parametrize("request_id", ["valid:7", "test:7", "7"])
def test_a_training_row_of_another_split_is_an_error(request_id):
    with pytest.raises(TrainingError, match="may not be learned from"):
        check_rows([example("train:1"), example(request_id)], [])


def test_choosing_by_a_test_row_is_an_error():
    with pytest.raises(TrainingError, match="test:9 may not be used to choose"):
        check_rows([example("train:1")], [example("valid:3"), example("test:9")])


def test_a_row_in_both_lists_is_an_error():
    with pytest.raises(TrainingError, match="row 3 first"):
        check_rows([example("train:3")], [example("valid:3")])


def test_no_training_rows_are_an_error():
    with pytest.raises(TrainingError, match="no training rows"):
        check_rows([], [example("valid:3")])
