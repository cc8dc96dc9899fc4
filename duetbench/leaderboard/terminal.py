"""Prints a leaderboard in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from duetbench.leaderboard.board import FAILED, RANKED, RANKED_BY, Board, BoardRow, BoardSection
from duetbench.leaderboard.columns import BUDGET, Column, columns, headings, notes

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_FIRST = ("cached", "MAE read.", BUDGET, "decision")
"""Columns that a narrow terminal leaves out first, in this order. Only rows without an LLM differ in decision rules,
unless scorers are mixed on request."""

_COSTS = ("tokens", "seconds", "seeds")
_METRICS_KEPT = 2
"""Number of metrics that are left out after the cost columns; all further metrics are left out before them."""

_UNLIMITED = 10_000


def print_board(board: Board, console: Console) -> None:
    """Prints every section: in a terminal as many columns as fit, to a file or a pipe all of them."""
    for section, title in zip(board.sections, headings(board), strict=True):
        table, left_out = _fitting(section, board, console)
        _print(console, title, "bold")
        with _wide_enough(console, table):
            console.print(table)
        hint = [f"columns that do not fit: {', '.join(left_out)}; see `leaderboard export`"] if left_out else []
        for note in [*notes(section), *hint]:
            _print(console, f"  {note}", "dim")
        console.print()
    for note in [*board.notes, *board.faults]:
        _print(console, note, "dim")


def _print(console: Console, line: str, style: str) -> None:
    from rich.text import Text

    console.print(Text(line, style=style), soft_wrap=not console.is_terminal)


def _fitting(section: BoardSection, board: Board, console: Console) -> tuple[Table, list[str]]:
    """The table that fits, and the titles of the columns that it leaves out."""
    shown, left_out = columns(section, board), list[str]()
    table = _table(section, shown, is_wrapped=console.is_terminal)
    if not console.is_terminal:
        return table, left_out
    for dispensable in _dispensable(shown, kept=(RANKED_BY, board.sorted_by)):
        if _width(console, table) <= console.width:
            break
        shown = [column for column in shown if column is not dispensable]
        left_out.append(dispensable.title)
        table = _table(section, shown, is_wrapped=True)
    return table, left_out


def _dispensable(shown: Sequence[Column], kept: Sequence[str]) -> list[Column]:
    """The columns that may be left out, in this order.

    Args:
        kept: Names of metrics that are always shown.
    """
    further = [column for column in shown if column.is_comparison and column.metric not in kept]
    metrics = [column for column in shown if column.metric and not column.is_comparison and column.metric not in kept]
    by_title = {column.title: column for column in shown if not column.metric}
    return [
        *(by_title[title] for title in _FIRST if title in by_title),
        *reversed(further),
        *reversed(metrics[_METRICS_KEPT:]),
        *(by_title[title] for title in _COSTS if title in by_title),
        *reversed(metrics[:_METRICS_KEPT]),
    ]


def _width(console: Console, table: Table) -> int:
    from rich.measure import Measurement

    return Measurement.get(console, console.options.update(width=_UNLIMITED), table).maximum


@contextmanager
def _wide_enough(console: Console, table: Table) -> Iterator[None]:
    width = console.width
    if not console.is_terminal:
        console.width = max(width, _width(console, table))
    try:
        yield
    finally:
        console.width = width


def _table(section: BoardSection, shown: Sequence[Column], *, is_wrapped: bool) -> Table:
    """The table; for a terminal with titles and comparisons wrapped to the width of the numbers."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    cells = [[" ".join(column.text(row).split()) for row in section.rows] for column in shown]
    for column, texts in zip(shown, cells, strict=True):
        width = _wrapped_width(column, texts) if is_wrapped else None
        is_right = column.is_number and not column.is_comparison
        table.add_column(Text(column.title), justify="right" if is_right else "left", overflow="fold", max_width=width)
    for position, row in enumerate(section.rows):
        table.add_row(*(Text(texts[position]) for texts in cells), style=_style(row))
    return table


def _wrapped_width(column: Column, texts: Sequence[str]) -> int:
    """The width of the longest cell, up to the column's own limit, and of the longest word of the title."""
    longest = max(map(len, texts), default=0)
    return max(min(longest, column.width or longest), *map(len, column.title.split()))


def _style(row: BoardRow) -> str:
    if row.state == FAILED:
        return "red"
    if row.state != RANKED or not row.has_llm:
        return "dim"
    return "bold" if row.ranks and row.ranks.best == 1 else ""
