"""`duetbench inspect`: single pairs of a cell, from the history to the rating."""

from __future__ import annotations

from pathlib import Path

import click

from duetbench.cli.context import Settings, pass_settings
from duetbench.cli.output import echo

SHOWN = 10
"""Pairs that a terminal shows; a file has all that are selected."""


@click.command()
@click.argument("cell", metavar="CELL")
@click.option("--worst", type=click.IntRange(min=1), metavar="N", help="The N largest errors.  [default: 1]")
@click.option("--pair", "ids", multiple=True, metavar="ID", help="The pair with this id, such as test:12; repeatable.")
@click.option("--status", metavar="STATUS", help="All pairs with this status, such as unreadable.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write a page instead.")
@pass_settings
def inspect(
    settings: Settings, /, cell: str, worst: int | None, ids: tuple[str, ...], status: str | None, html: Path | None
) -> None:
    """Show pairs of CELL: what was asked and answered, the profiles, the label probabilities, the true rating.

    CELL is the folder of a cell, or the beginning of its name or id among the cells of `runs`. Phrases that both
    profiles share are highlighted. They are compared by words, not by meaning.
    """
    from duetbench.atomic import write_text
    from duetbench.inspection import PairSelection, read_pairs, select_pairs
    from duetbench.inspection.pairs import with_exchanges
    from duetbench.inspection.terminal import render_pair
    from duetbench.inspection.views import pairs_page
    from duetbench.runs.cells import find_cell

    selection = PairSelection(worst, ids, status)
    found = find_cell(cell)
    chosen = select_pairs(read_pairs(found.folder), selection)
    pairs = with_exchanges(found.folder, chosen if html else chosen[:SHOWN])
    if html:
        write_text(html, pairs_page(found.title, found.subtitle, pairs, found.labels))
        echo(f"wrote {len(pairs)} pairs to {html}", err=True)
        return
    echo(f"{found.title}\n{found.subtitle}")
    for pair in pairs:
        for part in render_pair(pair, found.labels):
            settings.console.print(part, highlight=False)
    if len(chosen) > SHOWN:
        echo(f"{SHOWN} of {len(chosen)} pairs are shown; --html FILE writes all of them", err=True)
