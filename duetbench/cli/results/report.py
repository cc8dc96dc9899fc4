"""`duetbench report`: the HTML report of runs."""

from __future__ import annotations

from pathlib import Path

import click

from duetbench.cli.completion import run_name
from duetbench.cli.context import Settings, pass_settings
from duetbench.cli.output import echo


@click.command()
@click.argument("runs", nargs=-1, required=True, type=run_name(), metavar="RUN...")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="[default: report.html in the folder of RUN; needed with several]",
)
@pass_settings
def report(settings: Settings, /, runs: tuple[str, ...], output: Path | None) -> None:
    """Write an HTML report of each RUN, a path or a name in `runs`: one file that needs no network.

    Tables that can be sorted and filtered, intervals, cost and quality, sub-groups, calibration, learning curves and
    the pairs of each row. `leaderboard export --format html` writes the same, with the options of leaderboards.
    """
    from duetbench.atomic import write_text
    from duetbench.cli.plugins_list import report_faults
    from duetbench.errors import RecordError, UsageError
    from duetbench.leaderboard import collect
    from duetbench.leaderboard.report import render_report
    from duetbench.runs.folders import REPORT, find_run

    if len(runs) > 1 and output is None:
        raise UsageError("name the file of a report on several runs with --output")
    folders = [find_run(run) for run in runs]
    metrics = settings.plugins.metrics()
    report_faults(settings.plugins)
    board = collect(folders, metrics)
    path = output or folders[0] / REPORT
    write_text(path, render_report(board))
    echo(f"wrote {path} ({path.stat().st_size // 1000:,} KB); open it in a browser")
    if board.faults:
        raise RecordError(f"{len(board.faults)} of the records could not be read: {board.faults[0]}")
