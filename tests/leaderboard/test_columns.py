from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from builtin_metrics import METRICS

from duetbench.leaderboard import collect
from duetbench.leaderboard.columns import columns, short_count


def test_what_applies_to_no_row_is_no_column(cell: Callable, run: Path) -> None:
    cell("a", 0.5)
    board = collect([run], METRICS)
    titles = [column.title for column in columns(board.sections[0], board.metrics)]
    assert not {"budget", "seeds", "unread p/r/call", "MAE read."} & set(titles)
    assert not any(title.startswith("Δ") for title in titles)


@pytest.mark.parametrize(("number", "text"), [(0, "0"), (999, "999"), (1234, "1.2k"), (56_789, "57k"), (2.5e6, "2.5M")])
def test_counts_are_short(number: float, text: str) -> None:
    assert short_count(number) == text
