"""The board in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from duetbench.leaderboard.board import FAILED, RANKED, Board, BoardRow, BoardSection
from duetbench.leaderboard.formats.markdown import Column, columns, headings, notes

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_DISPENSABLE = ("convention", "n", "F1 weighted", "cached", "MAE read.", "RMSE", "F1", "tokens", "seconds")
"""What a narrow terminal does without, in this order; the first two stand in the heading and the notes anyway."""

_ENDLESS = 10_000


def print_board(board: Board, console: Console) -> None:
    """Prints every section. A terminal gets as many columns as fit, a file or a pipe all of them."""
    for section, title in zip(board.sections, headings(board), strict=True):
        table, left_out = _fitting(section, console)
        _print(console, title, "bold")
        with _wide_enough(console, table):
            console.print(table)
        more = [f"left out for want of width: {', '.join(left_out)}; see `leaderboard export`"] if left_out else []
        for note in [*notes(section), *more]:
            _print(console, f"  {note}", "dim")
        console.print()
    for note in [*board.notes, *board.faults]:
        _print(console, note, "dim")


def _print(console: Console, line: str, style: str) -> None:
    from rich.text import Text

    console.print(Text(line, style=style), soft_wrap=not console.is_terminal)


def _fitting(section: BoardSection, console: Console) -> tuple[Table, list[str]]:
    """The table that fits, and which columns it lacks."""
    shown, left_out = columns(section), list[str]()
    table = table_of(section, shown)
    if not console.is_terminal:
        return table, left_out
    for title in _DISPENSABLE:
        if _needed(console, table) <= console.width:
            break
        if any(column.title == title for column in shown):
            shown = [column for column in shown if column.title != title]
            left_out.append(title)
            table = table_of(section, shown)
    return table, left_out


def _needed(console: Console, table: Table) -> int:
    from rich.measure import Measurement

    return Measurement.get(console, console.options.update(width=_ENDLESS), table).maximum


@contextmanager
def _wide_enough(console: Console, table: Table) -> Iterator[None]:
    width = console.width
    if not console.is_terminal:
        console.width = max(width, _needed(console, table))
    try:
        yield
    finally:
        console.width = width


def table_of(section: BoardSection, shown: Sequence[Column] | None = None) -> Table:
    """The rows of a section as a rich table, with all columns or with those that are shown."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown = columns(section) if shown is None else shown
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for column in shown:
        table.add_column(Text(column.title), justify="right" if column.is_number else "left", overflow="fold")
    for row in section.rows:
        table.add_row(*(Text(" ".join(column.text(row).split())) for column in shown), style=_style(row))
    return table


def _style(row: BoardRow) -> str:
    if row.state == FAILED:
        return "red"
    if row.state != RANKED or not row.has_llm:
        return "dim"
    return "bold" if row.rank == 1 else ""
