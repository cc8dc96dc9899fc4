"""Tables on terminals of any width."""

from __future__ import annotations

from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from duetbench.cli.tables import print_table

ROWS = [
    ("duet with a long name", "some text that is longer", "0.9613", "-0.060 [-0.143, +0.022]"),
    ("a", "b", "1", "–"),
]


def lines(width: int) -> list[str]:
    console = Console(file=StringIO(), width=width, force_terminal=True, color_system=None)
    settings: Any = SimpleNamespace(console=console)
    print_table(settings, ("strategy", "note", "MAE", "gain"), ROWS, text_titles=("note",))
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [20, 40, 60, 70, 80, 200])
def test_numbers_are_never_folded_or_cut(width: int) -> None:
    assert any(line.rstrip().endswith("0.9613   -0.060 [-0.143, +0.022]") for line in lines(width))


@pytest.mark.parametrize("width", [70, 80, 200])
def test_text_is_folded_to_the_width_of_the_terminal(width: int) -> None:
    assert max(map(len, lines(width))) <= width
    assert any("duet with" in line for line in lines(width))


def test_a_table_of_numbers_may_be_wider_than_the_terminal() -> None:
    assert max(map(len, lines(20))) > 20
