"""`duetbench runs`: list, show, compare and remove the folders of runs."""

from __future__ import annotations

from pathlib import Path

import click

from duetbench.cli.completion import run_name
from duetbench.cli.context import Settings, pass_settings
from duetbench.cli.output import echo


@click.group()
def runs() -> None:
    """List, show, compare and remove the folders of runs."""


@runs.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path("runs"))
@pass_settings
def ls(settings: Settings, folder: Path) -> None:
    """List the runs in FOLDER, the latest last.  [default: runs]"""
    from duetbench.cli.runs.tables import print_runs
    from duetbench.errors import RecordError
    from duetbench.runs.folders import run_folders
    from duetbench.runs.summary import summarize_run

    folders = run_folders(folder)
    if not folders and not folder.is_dir():
        raise RecordError(f"there is no folder {folder}: `duetbench run` writes it, or name another folder of runs")
    if not folders:
        echo(f"no runs in {folder}", err=True)
        return
    summaries = [summarize_run(path) for path in folders]
    print_runs(settings, sorted(summaries, key=lambda run: (run.finished or "9999", run.folder.name)))


@runs.command()
@click.argument("run", type=run_name())
@pass_settings
def show(settings: Settings, run: str) -> None:
    """Show the cells of RUN, a path or a name in `runs`: state, error, seconds, and why cells failed."""
    from duetbench.cli.runs.tables import print_run
    from duetbench.runs.folders import find_run
    from duetbench.runs.summary import summarize_run

    print_run(settings, summarize_run(find_run(run)))


@runs.command()
@click.argument("first", type=run_name(), metavar="A")
@click.argument("second", type=run_name(), metavar="B")
@pass_settings
def diff(settings: Settings, first: str, second: str) -> None:
    """Compare the runs A and B: settings in which their cells differ, results, and cells that only one of them has.

    Results of other pairs are shown, but not subtracted. For intervals: duetbench leaderboard show A B.
    """
    from duetbench.cli.plugins_list import report_faults
    from duetbench.cli.runs.tables import print_difference
    from duetbench.errors import RecordError
    from duetbench.runs.difference import compare_runs
    from duetbench.runs.folders import find_run

    folders = find_run(first), find_run(second)
    report_faults(settings.plugins)
    difference = compare_runs(*folders, settings.plugins.metrics())
    print_difference(settings, folders, difference)
    if difference.faults:
        raise RecordError(f"{len(difference.faults)} of the records could not be read: {difference.faults[0]}")


@runs.command()
@click.argument("names", nargs=-1, required=True, type=run_name(), metavar="RUN...")
@click.option("--yes", is_flag=True, help="Do not ask.")
def rm(names: tuple[str, ...], yes: bool) -> None:
    """Remove each RUN, a path or a name in `runs`: its records, predictions and trainings.

    Only what a run writes is removed: files of your own stay. Answers in the request store stay too, so that the same
    command computes little again. A run in which a process is working is not removed.
    """
    from duetbench.runs.folders import find_run, remove_run
    from duetbench.runs.summary import summarize_run

    for folder in {path.resolve(): path for path in map(find_run, names)}.values():
        if not yes and not _confirmed(_question(folder, summarize_run(folder).count("done"))):
            echo(f"{folder} is kept", err=True)
            continue
        kept = remove_run(folder)
        others = f"; kept, since no run has written it: {', '.join(path.name for path in kept)}" if kept else ""
        echo(f"removed {folder}{others}")


def _question(folder: Path, n_done: int) -> str:
    from duetbench.cli.runs.tables import size_text
    from duetbench.runs.folders import size_of

    trainings = len(list(folder.glob("trainings/*/")))
    contents = f"{n_done} finished cells, {trainings} trainings, {size_text(size_of(folder))}"
    return f"Remove {folder} ({contents})?"


def _confirmed(question: str) -> bool:
    """The answer to a question on the terminal.

    Raises:
        UsageError: there is no answer.
    """
    from duetbench.errors import UsageError

    try:
        return click.confirm(question, err=True)
    except click.Abort:
        raise UsageError("no answer: nothing is removed; --yes removes without asking") from None
