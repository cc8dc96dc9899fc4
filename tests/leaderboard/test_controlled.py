from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from builtin_metrics import METRICS

from duetbench.leaderboard import Board, collect
from duetbench.leaderboard.board import FAILED, LOW, RANKED, BoardRow, Costs
from duetbench.leaderboard.columns import columns
from duetbench.leaderboard.controlled import absent_controls, controls_of


def _row(strategy: str, trainer: str = "none", control: str = "", state: str = RANKED, **facts: str) -> BoardRow:
    common = {"strategy": strategy, "trainer": trainer, "model": "toy-lm"} | ({"control": control} if control else {})
    return BoardRow(state, common | facts, (0,), ("x",), Costs(None, None, None, None, 1.0, None, None, None, None))


def test_controls_are_those_of_the_strategy_and_those_without_a_writer() -> None:
    rows = [_row("duet"), _row("kar", control="shuffled"), _row("duet", control="shuffled"), _row("10h", control="no")]
    assert controls_of(rows) == [(2, 3), (), (), ()]


def test_a_trained_row_has_its_own_controls_and_those_that_do_not_train() -> None:
    rows = [
        *(_row("duet"), _row("duet", "grpo")),
        *(_row("duet", "none", "shuffled"), _row("duet", "grpo", "shuffled")),
        *(_row("duet", "none", "raw_evidence"), _row("duet", "sft", "best_of_n")),
    ]
    assert controls_of(rows)[:2] == [(2, 4), (3, 4, 5)]


def _of_length(length: str, label: str = "", control: str = "") -> BoardRow:
    facts = {"duet.history_k": length} | ({"label": label} if label else {})
    return _row("duet", control=control, **facts)


def test_controls_have_the_options_and_the_label_of_the_row() -> None:
    rows = [
        *(_of_length("2", "short"), _of_length("20", "long")),
        *(_of_length("2", "short", "shuffled"), _of_length("20", "long", "shuffled")),
        *(_of_length("2", "", "raw_evidence_full"), _of_length("20", "", "raw_evidence_full")),
        _row("10h", control="no_profile", label="10H"),
    ]
    assert controls_of(rows)[:2] == [(2, 4, 6), (3, 5, 6)]


def test_a_control_of_another_grid_with_the_same_options_is_none_of_the_row() -> None:
    assert controls_of([_of_length("2", "a"), _of_length("2", "b", "shuffled")])[0] == ()


def test_options_of_the_control_itself_and_of_the_engine_need_not_match() -> None:
    own = {"engine": "hf", "hf.device": "cpu", "raw.history_k": "3"}
    rows = [_row("duet", **own), _row("duet", "none", "raw", **(own | {"hf.device": "cuda", "raw.history_k": "9"}))]
    assert controls_of(rows)[0] == (1,)


def test_controls_that_are_not_ranked_are_absent() -> None:
    rows = [
        *(_row("duet"), _row("duet", "none", "shuffled_user"), _row("duet", "none", "shuffled_item", FAILED)),
        *(_row("duet", "none", "raw_evidence", LOW), _row("kar", "none", "shuffled_both", FAILED)),
    ]
    assert absent_controls(rows[0], rows) == {"raw_evidence": "low coverage", "shuffled_item": "failed"}
    assert controls_of(rows)[0] == (1,)


def test_controls_that_only_another_grid_has_are_absent() -> None:
    rows = [
        *(_of_length("2", "short"), _of_length("20", "long")),
        *(_of_length("2", "short", "shuffled"), _of_length("20", "long", "shuffled")),
        _of_length("20", "", "raw_evidence_full"),
    ]
    assert [absent_controls(row, rows) for row in rows[:2]] == [{"raw_evidence_full": "no row"}, {}]


def test_a_row_without_controls_lacks_none() -> None:
    rows = [_row("duet"), _row("10h")]
    assert absent_controls(rows[0], rows) == {}


def test_controls_of_another_model_are_none() -> None:
    assert controls_of([_row("duet"), _row("10h", control="no_profile", model="other")]) == [(), ()]


@pytest.fixture
def board(cell: Callable, run: Path) -> Board:
    cell("a", 0.1)
    cell("b", 0.9, strategy="10h", control="no_profile", seed_of_values=3)
    cell("c", 0.6, control="shuffled_both", seed_of_values=4)
    return collect([run], METRICS)


def test_gain_is_over_the_strongest_control(board: Board) -> None:
    (row,) = [row for row in board.sections[0].rows if row.name == "duet"]
    others = [row for row in board.sections[0].rows if row.name != "duet"]
    gains = row.gains or {}
    assert gains["mae"].control == "duet (shuffled_both)"
    assert gains["mae"].interval.estimate == pytest.approx(min(_mae(other) for other in others) - _mae(row))
    assert gains["mae"].interval.low > 0
    assert gains["accuracy"].interval.low > 0  # higher is better, and a gain is positive
    assert all(not other.gains for other in others)


def _mae(row: BoardRow) -> float:
    summary = (row.values or {})["mae"]
    assert summary is not None
    return summary.mean


def test_gain_is_a_column(board: Board) -> None:
    shown = {column.title: column for column in columns(board.sections[0], board)}
    texts = [shown["MAE gain over controls"].text(row) for row in board.sections[0].rows]
    assert texts[0].startswith("+")
    assert texts[0].endswith(" (shuffled_both, 2 of 2)")
    assert texts[1:] == ["–", "–"]
