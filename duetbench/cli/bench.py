"""`duetbench bench`: measurements against references in the same run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from duetbench.cli.context import Settings, pass_settings

if TYPE_CHECKING:
    from duetbench.bench.data import Line


@click.group()
def bench() -> None:
    """Measure this installation: ratios to references in the same run."""


@bench.command()
@click.option("--folder", type=click.Path(path_type=Path), metavar="DIR", help="Scratch space.  [default: the cache]")
@click.option("--small", default=1_000_000, show_default=True, type=click.IntRange(min=1000), metavar="N")
@click.option("--large", default=10_000_000, show_default=True, type=click.IntRange(min=1000), metavar="N")
@click.option("--repeats", default=3, show_default=True, type=click.IntRange(min=1), help="Of the small measurements.")
@pass_settings
def data(settings: Settings, folder: Path | None, small: int, large: int, repeats: int) -> None:
    """Reading, steps and histories on generated data; the full size needs 10 GB of disk and some minutes.

    A bound that is not met is shown, and is no error: a busy machine misses some.
    """
    from duetbench.bench.data import BenchOptions, bench_data
    from duetbench.paths import cache_dir

    place = folder or cache_dir("bench")
    with settings.progress_console.status("measuring") as status:
        lines = bench_data(place, BenchOptions(small, large, repeats), told=status.update)
    _print(settings, lines)


def _print(settings: Settings, lines: list[Line]) -> None:
    from duetbench.cli.data_tables import print_table

    rows = [
        (
            line.what,
            line.ours,
            line.reference,
            f"{line.value:,.2f} {line.unit}" if line.unit == "x" else "",
            f"{'at least' if line.at_least else 'at most'} {line.bound:g} {line.unit}",
            "met" if line.is_met else "NOT met",
        )
        for line in lines
    ]
    print_table(settings, ("what", "ours", "reference", "ratio", "bound", ""), rows)
