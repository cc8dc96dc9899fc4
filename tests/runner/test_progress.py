"""The display of a run."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path

from rich.console import Console

from duetbench.progress import ProgressDisplay
from duetbench.runner import Plan, run


def _shown(planned: Callable[..., Plan], folder: Path, *, is_terminal: bool) -> str:
    screen = StringIO()
    console = Console(file=screen, force_terminal=is_terminal, width=100)
    made = planned(strategies=("duet", "broken"), limit=3, baselines=False)
    run(made, folder / "out", store=folder / "store.sqlite", progress=ProgressDisplay(console))
    return screen.getvalue()


def test_without_a_terminal_each_cell_is_one_line(planned: Callable[..., Plan], tmp_path: Path) -> None:
    lines = _shown(planned, tmp_path, is_terminal=False).splitlines()
    assert len(lines) == 2
    assert "FAILED: ZeroDivisionError: a third-party bug" in lines[1]
    assert "3 of 3 readable" in lines[0]


def test_a_terminal_gets_bars_for_cells_and_prompts(planned: Callable[..., Plan], tmp_path: Path) -> None:
    shown = _shown(planned, tmp_path, is_terminal=True)
    assert "cells" in shown
    assert "duet profiles" in shown
    assert "0/2" in shown
