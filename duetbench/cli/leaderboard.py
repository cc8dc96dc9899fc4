"""`duetbench leaderboard`: compares the cells of finished runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from duetbench.cli.completion import CompletedText, plugin_name, words
from duetbench.cli.context import Settings, pass_settings
from duetbench.cli.output import echo

if TYPE_CHECKING:
    from duetbench.interfaces import Metric
    from duetbench.leaderboard import Board


class _FormatName(CompletedText):
    """The name of a format; the formats are looked up only when one is used, listed or completed."""

    def __init__(self) -> None:
        super().__init__("format", lambda _context: map(CompletionItem, _formats()))

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in _formats():
            self.fail(f"{value!r} is not one of {', '.join(_formats())}.", param, ctx)
        return str(value)

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        return f"[{'|'.join(_formats())}]"


def _formats() -> list[str]:
    from duetbench.leaderboard.formats import format_names

    return format_names()


def conventions() -> list[str]:
    """The names of the conventions."""
    from duetbench.evaluation.conventions import CONVENTIONS

    return list(CONVENTIONS)


def _board_options(command: Callable[..., Any]) -> Callable[..., Any]:
    options = [
        click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUNS..."),
        click.option(
            "--convention",
            type=words(conventions),
            metavar="NAME",
            default="standard",
            show_default=True,
            help="standard, duet or three_class.",
        ),
        click.option("--coverage", default=0.98, show_default=True, help="Rows below are marked, not ranked."),
        click.option(
            "--baseline",
            metavar="ROW",
            help="Compare with this row.  [default: of the rows without an LLM, the best on validation rows]",
        ),
        click.option(
            "--sort",
            type=plugin_name("metric"),
            default="mae",
            show_default=True,
            metavar="METRIC",
            help="Order rows by this metric, best first.",
        ),
        click.option(
            "--all-differences",
            is_flag=True,
            help="Show differences and gains of every metric, not only of MAE and that of --sort.",
        ),
        click.option(
            "--only",
            multiple=True,
            metavar="NAME=VALUE",
            help="Show only rows with this attribute, such as strategy=duet, control=none or dataset=toy; several "
            "values of one attribute are alternatives. Ranks and intervals stay those among all rows.",
        ),
        click.option("--mix", multiple=True, type=click.Choice(["scorer", "model"]), help="Rank these together."),
        click.option(
            "--check",
            is_flag=True,
            help="Compare records with their predictions, digests, ids and plans; a difference is an error.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.group()
def leaderboard() -> None:
    """Compare finished cells, those without an LLM included."""


@leaderboard.command()
@_board_options
@pass_settings
def show(settings: Settings, /, runs: tuple[Path, ...], check: bool, **chosen: Any) -> None:
    """Print the leaderboard of RUNS (folders that `duetbench run` has written)."""
    from duetbench.leaderboard.terminal import print_board

    board = _collected(settings, runs, check, chosen)
    print_board(board, settings.console)
    _refuse_faults(board)


@leaderboard.command()
@click.option("--format", "name", type=_FormatName(), default="md", show_default=True, help="Format of the output.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="A file instead of stdout.")
@_board_options
@pass_settings
def export(
    settings: Settings, /, runs: tuple[Path, ...], check: bool, name: str, output: Path | None, **chosen: Any
) -> None:
    """Write the leaderboard of RUNS to a file or to stdout."""
    from duetbench.leaderboard.formats import render

    board = _collected(settings, runs, check, chosen)
    text = render(board, name)
    if output:
        output.write_text(text, encoding="utf-8")
    else:
        echo(text, nl=False)
    _refuse_faults(board)


def _collected(settings: Settings, runs: tuple[Path, ...], check: bool, chosen: dict[str, Any]) -> Board:
    from duetbench.cli.plugins_list import report_faults
    from duetbench.leaderboard import BoardOptions, collect
    from duetbench.leaderboard.selection import parse_selection, select_rows

    selection = parse_selection(chosen.pop("only"))
    metrics = settings.plugins.metrics()
    report_faults(settings.plugins)
    if check:
        _check(settings, runs, metrics)
    return select_rows(collect(runs, metrics, BoardOptions(**chosen)), selection)


def _check(settings: Settings, runs: tuple[Path, ...], metrics: Sequence[Metric]) -> None:
    from duetbench.errors import RecordError
    from duetbench.leaderboard.checking import check

    report = check(runs, metrics)
    if report.differences:
        more = f" (and {len(report.differences) - 1} more)" if len(report.differences) > 1 else ""
        raise RecordError(f"the check failed: {report.differences[0]}{more}")
    settings.progress_console.print(
        f"checked: {report.n} finished cells agree with their predictions, records with their digests, ids and plans"
    )
    if report.n_without_digest or report.n_without_identity:
        settings.progress_console.print(
            f"not checked, since they are of earlier versions: {report.n_without_digest} records without a digest, "
            f"{report.n_without_identity} without the settings of their id"
        )
    if report.unchecked:
        settings.progress_console.print(f"not checked, since they are not registered: {', '.join(report.unchecked)}")


def _refuse_faults(board: Board) -> None:
    """Sets exit code 1 if a record could not be read; called after the rest of the board has been shown."""
    from duetbench.errors import RecordError

    if board.faults:
        raise RecordError(f"{len(board.faults)} of the records could not be read: {board.faults[0]}")
