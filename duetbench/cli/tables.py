"""Prints tables of results and lists of names."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from duetbench.cli.context import UNLIMITED
from duetbench.cli.output import echo

if TYPE_CHECKING:
    from duetbench.cli.context import Settings


def print_table(
    settings: Settings, titles: Sequence[str], rows: Sequence[Sequence[str]], *, text_titles: Collection[str] = ()
) -> None:
    """Prints a table to stdout.

    In a narrow console only text columns are folded; if that is not enough, the table is wider than the console.

    Args:
        settings: The console.
        titles: Column titles.
        rows: Cells by row.
        text_titles: Titles of text columns, which are aligned left; others are aligned right. The first is always text.
    """
    from rich import box
    from rich.cells import cell_len
    from rich.measure import Measurement
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for position, title in enumerate(titles):
        is_text = position == 0 or title in text_titles
        if is_text:
            table.add_column(title, overflow="fold")
        else:
            widest = max(cell_len(text) for text in (title, *(row[position] for row in rows)))
            table.add_column(title, justify="right", no_wrap=True, min_width=widest)
    for row in rows:
        table.add_row(*row)
    console = settings.console
    narrowest = Measurement.get(console, console.options.update(max_width=UNLIMITED), table).minimum
    table.width = narrowest if narrowest > console.width else None
    console.print(table, crop=False, no_wrap=True, overflow="ignore")


def shared_values(
    rows: Sequence[Mapping[str, str]], with_model: Sequence[bool], *, always: Collection[str]
) -> tuple[dict[str, str], list[dict[str, str]]]:
    """What all rows share, and row by row the attributes in which they differ.

    Args:
        rows: Attributes by name.
        with_model: Which rows use a model: only they are compared in attributes that others do not have.
        always: Names of attributes that count as differing.

    Returns:
        The shared attributes that are not empty, and the others of each row.
    """
    prompted = [row for row, has_model in zip(rows, with_model, strict=True) if has_model] or rows
    titles = dict.fromkeys(title for row in rows for title in row)
    values = {title: {row.get(title, "") for row in (rows if title == "dataset" else prompted)} for title in titles}
    shared = {title: min(distinct) for title, distinct in values.items() if len(distinct) == 1 and title not in always}
    shown = {title: value for title, value in shared.items() if value}
    return shown, [{title: value for title, value in row.items() if title not in shared} for row in rows]


def print_rows(settings: Settings, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints a list for people and for programs: a table on a terminal, else tab-separated lines without titles.

    Args:
        settings: The console.
        titles: Column titles.
        rows: Cells by row.
    """
    if not sys.stdout.isatty():
        for row in rows:
            echo("\t".join(row))
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in titles:
        table.add_column(title, header_style="bold", overflow="fold", no_wrap=title in ("kind", "name", "option"))
    for row in rows:
        table.add_row(*row)
    settings.console.print(table, soft_wrap=False)
