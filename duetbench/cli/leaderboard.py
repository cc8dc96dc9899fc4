"""`duetbench leaderboard`: the rows of finished runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from duetbench.cli.context import Settings, pass_settings

if TYPE_CHECKING:
    from duetbench.leaderboard import Board


def _board_options(command: Callable[..., Any]) -> Callable[..., Any]:
    options = [
        click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUNS..."),
        click.option("--convention", default="standard", show_default=True, help="standard, duet or three_class."),
        click.option("--coverage", default=0.98, show_default=True, help="Rows with less are marked, not ranked."),
        click.option("--baseline", metavar="ROW", help="Compare with this row.  [default: the best without an LLM]"),
        click.option("--mix", multiple=True, type=click.Choice(["scorer", "model"]), help="Rank these together."),
        click.option("--check", is_flag=True, help="Recompute metrics from the predictions; a difference is an error."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.group()
def leaderboard() -> None:
    """Compare finished cells, LLM-free rows beside the others."""


@leaderboard.command()
@_board_options
@pass_settings
def show(settings: Settings, /, runs: tuple[Path, ...], check: bool, **chosen: Any) -> None:
    """Print the leaderboard of RUNS (folders that `duetbench run` has written)."""
    from duetbench.leaderboard.formats.terminal import print_board

    board = _collected(settings, runs, check, chosen)
    print_board(board, settings.console)
    _refuse_faults(board)


@leaderboard.command()
@click.option("--format", "form", type=click.Choice(["md", "csv", "json"]), default="md", show_default=True)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="A file instead of stdout.")
@_board_options
@pass_settings
def export(
    settings: Settings, /, runs: tuple[Path, ...], check: bool, form: str, output: Path | None, **chosen: Any
) -> None:
    """Write the leaderboard of RUNS as Markdown, CSV or JSON."""
    board = _collected(settings, runs, check, chosen)
    text = {"md": board.to_markdown, "csv": board.to_csv, "json": board.to_json}[form]()
    if output:
        output.write_text(text, encoding="utf-8")
    else:
        click.echo(text, nl=False)
    _refuse_faults(board)


def _collected(settings: Settings, runs: tuple[Path, ...], check: bool, chosen: dict[str, Any]) -> Board:
    from duetbench.leaderboard import BoardOptions, collect

    if check:
        _check(settings, runs)
    return collect(runs, BoardOptions(**chosen))


def _check(settings: Settings, runs: tuple[Path, ...]) -> None:
    from duetbench.errors import RecordError
    from duetbench.leaderboard.checking import check

    n, differences = check(runs)
    if differences:
        more = f" (and {len(differences) - 1} more)" if len(differences) > 1 else ""
        raise RecordError(f"the check failed: {differences[0]}{more}")
    settings.progress_console.print(f"checked: {n} finished cells agree with their predictions")


def _refuse_faults(board: Board) -> None:
    """The readable part was shown; exit code 1 still says that something is missing."""
    from duetbench.errors import RecordError

    if board.faults:
        raise RecordError(f"{len(board.faults)} of the records could not be read: {board.faults[0]}")
