"""Errors in groups of pairs, with values by hand."""

import polars as pl
import pytest

from duetbench.leaderboard.board import RANKED, BoardRow, Costs
from duetbench.leaderboard.report.breakdown import RowPredictions, group_tables

COSTS = Costs(None, None, None, None, 1.0, None, None, None, None)


@pytest.fixture
def predicted() -> RowPredictions:
    row = BoardRow(RANKED, {"scorer": "bias"}, (0,), ("cell",), COSTS, label="bias")
    columns = {"rating": [1.0, 1.0, 5.0], "value": [1.0, 2.0, None]}
    users = {"user_average": [None, 3.0, 3.0], "user_history": [0, 4, 12]}
    return RowPredictions(row, "r0-0", pl.DataFrame({**columns, **users}), (1, 2, 3, 4, 5))


def test_errors_are_those_of_readable_predictions_by_group(predicted: RowPredictions) -> None:
    users, ratings, lengths = group_tables([predicted])
    assert users.groups == ["cold (n = 1)", "warm (n = 2)"]
    assert [text for text, _ in users.rows[0][2]] == ["0.000", "1.000"]
    assert (ratings.groups, [text for text, _ in ratings.rows[0][2]]) == (["1 (n = 2)", "5 (n = 1)"], ["0.500", "–"])
    assert lengths.groups == ["0 (n = 1)", "3-5 (n = 1)", "10 or more (n = 1)"]


def test_the_darkest_shade_is_that_of_the_largest_error(predicted: RowPredictions) -> None:
    assert [shade for _, shade in group_tables([predicted])[0].rows[0][2]] == ["0", "9"]


def test_predictions_of_earlier_versions_have_no_lengths(predicted: RowPredictions) -> None:
    table = predicted.table.drop("user_history")
    earlier = RowPredictions(predicted.row, predicted.id, table, predicted.labels)
    assert len(group_tables([earlier])) == 2


def test_no_rows_have_no_groups() -> None:
    assert group_tables([]) == []
