from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from builtin_metrics import METRICS

from duetbench.errors import UnknownName, UsageError
from duetbench.leaderboard import Board, collect
from duetbench.leaderboard.columns import columns, notes
from duetbench.leaderboard.selection import parse_selection, select_rows


@pytest.fixture
def board(cell: Callable, free: Callable, run: Path) -> Board:
    cell("a", 0.3)
    cell("b", 0.5, trainer="sft")
    cell("c", 0.7, strategy="kar")
    cell("d", 0.9, strategy="kar", control="shuffled_user")
    free("bias", 1.2)
    return collect([run], METRICS)


def _names(board: Board, *texts: str) -> list[str]:
    selected = select_rows(board, parse_selection(texts))
    return [row.name for section in selected.sections for row in section.rows]


@pytest.mark.parametrize(
    ("texts", "names"),
    [
        (["strategy=duet"], ["duet", "duet+sft"]),
        (["strategy=duet", "trainer=none"], ["duet"]),
        (["trainer=sft", "trainer=none", "strategy=duet"], ["duet", "duet+sft"]),
        (["strategy=none"], ["bias"]),
        (["control=none", "strategy=kar"], ["kar"]),
        (["control=shuffled_user"], ["kar (shuffled_user)"]),
        (["duet.joint=paired"], ["duet", "duet+sft", "kar", "kar (shuffled_user)"]),
        (["dataset=toy", "scorer=bias"], ["bias"]),
        ([], ["duet", "duet+sft", "kar", "kar (shuffled_user)", "bias"]),
    ],
)
def test_rows_with_one_of_the_values_of_every_attribute_are_shown(
    board: Board, texts: list[str], names: list[str]
) -> None:
    assert _names(board, *texts) == names


def test_ranks_and_differences_stay_those_among_all_rows(board: Board) -> None:
    (row,) = select_rows(board, {"strategy": ("duet",), "trainer": ("none",)}).sections[0].rows
    (same,) = [other for other in board.sections[0].rows if other.name == "duet"]
    assert row == same
    assert row.differences


def test_a_board_without_controls_has_rows_without_a_control(cell: Callable, run: Path) -> None:
    cell("a", 0.3)
    board = collect([run], METRICS)
    assert _names(board, "control=none") == ["duet"]
    with pytest.raises(UnknownName, match=r"no row with a control named 'shuffled_user'.*Known: none"):
        _names(board, "control=shuffled_user")


def test_the_board_says_what_it_shows(board: Board) -> None:
    note = select_rows(board, {"strategy": ("duet", "kar")}).notes[-1]
    assert note.startswith("shown are the rows with strategy=duet or kar: 4 of 5; ranks, intervals and stars are those")


def test_pairs_with_rows_that_are_not_shown_are_not_named(board: Board) -> None:
    (section,) = select_rows(board, {"strategy": ("duet",)}).sections
    assert {name for pair in section.shown_pairs for name in (pair.row, pair.other)} <= {"duet", "duet+sft"}
    assert not any("kar" in note for note in notes(section) if note.startswith("Cannot be told apart"))


def test_what_the_shown_rows_share_is_no_column(board: Board) -> None:
    selected = select_rows(board, {"strategy": ("kar",), "control": ("none",)})
    titles = [column.title for column in columns(selected.sections[0], selected)]
    assert not {"control", "trainer"} & set(titles)


def test_sections_without_a_selected_row_are_left_out(cell: Callable, run: Path) -> None:
    cell("a", 0.3)
    cell("b", 0.3, dataset="yelp", options={})
    selected = select_rows(collect([run], METRICS), {"dataset": ("yelp",)})
    assert [section.key.dataset for section in selected.sections] == ["yelp"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stratgy=duet", "no attribute of rows named 'stratgy'; did you mean 'strategy'?"),
        ("strategy=deut", "no row with a strategy named 'deut'; did you mean 'duet'? Known: duet, kar, none."),
    ],
)
def test_unknown_attributes_and_values_are_refused_with_the_known_ones(board: Board, text: str, message: str) -> None:
    with pytest.raises(UnknownName) as caught:
        select_rows(board, parse_selection([text]))
    assert message in str(caught.value)


def test_values_that_exclude_each_other_are_refused(board: Board) -> None:
    with pytest.raises(UsageError, match="no row has all of them"):
        select_rows(board, parse_selection(["strategy=kar", "trainer=sft"]))


@pytest.mark.parametrize("text", ["duet", "=duet", "strategy=", ""])
def test_a_selection_without_name_or_value_says_how_to_write_it(text: str) -> None:
    with pytest.raises(UsageError, match="expected ATTRIBUTE=VALUE, as in strategy=duet"):
        parse_selection([text])
