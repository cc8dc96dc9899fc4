"""Prints a leaderboard at the width of a console: `layout.py` decides which columns fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from duetbench.leaderboard.board import FAILED, RANKED, Board, BoardRow
from duetbench.leaderboard.columns import headings, notes
from duetbench.leaderboard.terminal.layout import GAP, FittedColumn, fit_columns, table_width

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def print_board(board: Board, console: Console) -> None:
    """Prints every section with as many columns as fit into the width of the console."""
    for section, title in zip(board.sections, headings(board), strict=True):
        shown, left_out = fit_columns(section, board, console.width)
        _print(console, title, "bold")
        with _wide_enough(console, shown):
            console.print(_table(section.rows, shown))
        hint = [f"columns that do not fit: {', '.join(left_out)}; see `leaderboard export`"] if left_out else []
        for note in [*notes(section), *hint]:
            _print(console, f"  {note}", "dim")
        console.print()
    for note in [*board.notes, *board.faults]:
        _print(console, note, "dim")


def _print(console: Console, line: str, style: str) -> None:
    from rich.text import Text

    console.print(Text(line, style=style))


@contextmanager
def _wide_enough(console: Console, shown: Sequence[FittedColumn]) -> Iterator[None]:
    """A table whose numbers alone are wider than the console is printed as wide as they are, and never split."""
    width = console.width
    console.width = max(width, table_width(shown))
    try:
        yield
    finally:
        console.width = width


def _table(rows: Sequence[BoardRow], shown: Sequence[FittedColumn]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, GAP - 1, 0, 0), pad_edge=False, show_edge=False)
    for fitted in shown:
        justify = "right" if fitted.is_right else "left"
        table.add_column(Text(fitted.title), justify=justify, overflow="fold", width=fitted.width)  # type: ignore[arg-type]
    for position, row in enumerate(rows):
        table.add_row(*(Text(fitted.cells[position]) for fitted in shown), style=_style(row))
    return table


def _style(row: BoardRow) -> str:
    if row.state == FAILED:
        return "red"
    if row.state != RANKED or not row.has_llm:
        return "dim"
    return "bold" if row.ranks and row.ranks.best == 1 else ""
