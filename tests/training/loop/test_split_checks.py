"""What training refuses to learn from."""

from __future__ import annotations

import pytest

from duetbench.errors import TrainingError
from duetbench.training.loop.split_checks import check_rows
from duetbench.types import Domain, Example, Item, Request


def example(request_id: str) -> Example:
    return Example(Request(request_id, "user", Item("item", "Title"), 10, Domain("album", "albums")), 4.0)


def test_rows_of_their_own_split_pass():
    check_rows([example("train:1"), example("train:2")], [example("valid:3")])


@pytest.mark.parametrize("planted", ["valid:7", "test:7", "7"])
def test_a_planted_row_of_another_split_is_caught(planted):
    with pytest.raises(TrainingError, match="may not be learned from"):
        check_rows([example("train:1"), example(planted)], [])


def test_choosing_by_a_test_row_is_caught():
    with pytest.raises(TrainingError, match="test:9 may not be used to choose"):
        check_rows([example("train:1")], [example("valid:3"), example("test:9")])


def test_a_validation_row_under_a_training_name_is_caught():
    with pytest.raises(TrainingError, match="row 3 first"):
        check_rows([example("train:3")], [example("valid:3")])


def test_nothing_to_learn_from_is_an_error():
    with pytest.raises(TrainingError, match="no training row"):
        check_rows([], [example("valid:3")])
