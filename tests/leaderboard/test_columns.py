from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from builtin_metrics import METRICS

from duetbench.leaderboard import collect
from duetbench.leaderboard.columns import columns, notes, short_count


def test_what_applies_to_no_row_is_no_column(cell: Callable, run: Path) -> None:
    cell("a", 0.5)
    board = collect([run], METRICS)
    titles = [column.title for column in columns(board.sections[0], board.metrics)]
    assert not {"budget", "seeds", "unread p/r/call", "MAE read."} & set(titles)
    assert not any(title.startswith("Δ") for title in titles)


@pytest.mark.parametrize(("number", "text"), [(0, "0"), (999, "999"), (1234, "1.2k"), (56_789, "57k"), (2.5e6, "2.5M")])
def test_counts_are_short(number: float, text: str) -> None:
    assert short_count(number) == text


def starved(cell: Callable, share: float | None) -> None:
    statuses = {"ok": 6, "unreadable": 0, "truncated": 0, "refused": 0, "empty": 0, "error": 0}
    cell("a", 0.5, profiles={"asked": 6, "readable": 6, "statuses": statuses, "empty_windows": share})


@pytest.mark.parametrize(("share", "is_shown"), [(None, False), (0.0, False), (0.03, True)])
def test_empty_windows_are_a_column_if_there_are_any(
    cell: Callable, run: Path, share: float | None, is_shown: bool
) -> None:
    starved(cell, share)
    board = collect([run], METRICS)
    texts = {column.title: column.text for column in columns(board.sections[0], board.metrics)}
    assert ("empty windows" in texts) is is_shown
    assert not is_shown or texts["empty windows"](board.sections[0].rows[0]) == "3.0 %"


@pytest.mark.parametrize(("share", "is_noted"), [(0.05, False), (0.06, True)])
def test_many_empty_windows_are_noted(cell: Callable, run: Path, share: float, is_noted: bool) -> None:
    starved(cell, share)
    (section,) = collect([run], METRICS).sections
    assert any("the writer sees nothing of a user" in note for note in notes(section)) is is_noted
