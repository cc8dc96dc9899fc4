"""`duetbench run`: runs a grid, cell by cell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from duetbench.cli.completion import model_name, names_option, plugin_name
from duetbench.cli.context import Settings, pass_settings
from duetbench.cli.output import echo
from duetbench.cli.tables import print_table, shared_values

if TYPE_CHECKING:
    from duetbench.runner import Plan, RunOutcome
    from duetbench.runner.estimate import Estimate
    from duetbench.runner.planning.cells import Cell


@click.command()
@names_option("--strategy", "strategies", plugin_name("strategy"), "Strategy that writes the profiles.")
@names_option("--dataset", "datasets", plugin_name("dataset"), "Dataset, or prepared folder.  [default: toy]")
@names_option("--model", "models", model_name(), "Model card or path:DIR.  [default on toy: toy-lm]")
@names_option("--trainer", "trainers", plugin_name("trainer"), "[default: the strategy's own]")
@names_option("--scorer", "scorers", plugin_name("scorer"), "[default: rating_expectation]")
@click.option(
    "--engine", type=plugin_name("engine"), metavar="NAME", help="Engine that runs the models.  [default: transformers]"
)
@click.option("--seed", "seeds", multiple=True, type=click.IntRange(min=0), metavar="N", help="[default: 0]")
@click.option("--split", type=click.Choice(["valid", "test"]), help="[default: test]")
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="Predict at most N pairs, the same in each cell."
)
@click.option("--set", "settings_", multiple=True, metavar="PATH=VALUE", help="duet.joint=cross, history.k=30, ...")
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Configuration in YAML; options override it.",
)
@click.option("--no-baselines", is_flag=True, help="Leave out the baselines without a model.")
@click.option(
    "--controls/--no-controls", default=None, help="Add the controls of every row.  [default: as in FILE, or not]"
)
@click.option("--plan", "only_plan", is_flag=True, help="Print cells, prompts and tokens; load no model.")
@click.option("--force", is_flag=True, help="Run finished cells again.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="[default: a folder in runs, see above]")
@click.option("--store", type=click.Path(path_type=Path), metavar="FILE", help="File of the request store.")
@pass_settings
def run(
    settings: Settings,
    /,
    *,
    settings_: tuple[str, ...],
    file: Path | None,
    no_baselines: bool,
    controls: bool | None,
    only_plan: bool,
    force: bool,
    out: Path | None,
    store: Path | None,
    **grid: Any,
) -> None:
    """Run every combination of strategies, trainers, datasets, models, scorers and seeds.

    Finished cells are skipped: the same command resumes an interrupted run. Repeat an option to give several values.

    Results go to runs/NAME: NAME is the `name` in the configuration; else its file name, or strategies and datasets,
    with a digest of all options. Options of the command line always add one, so that each set has its own folder.
    `duetbench runs ls` lists them.
    """
    from duetbench.cli.plugins_list import report_faults
    from duetbench.config import parse_settings
    from duetbench.errors import UsageError
    from duetbench.runner import plan, run_config

    chosen = {name: value for name, value in grid.items() if value}
    if no_baselines:
        chosen["baselines"] = False
    if controls is not None:
        chosen["controls"] = controls
    if file is None and "strategies" not in chosen:
        raise UsageError("nothing to run: give a strategy (--strategy duet) or a file (--config FILE)")
    config = run_config(chosen, file=file, settings=parse_settings(settings_))
    folder = out or Path("runs") / config.name
    with settings.progress_console.status("planning") as status:
        planned = plan(config, settings.plugins, on_progress=status.update)
    report_faults(settings.plugins)  # a metric that is broken would go missing unnoticed
    for note in planned.notes:
        settings.progress_console.print(note, highlight=False)
    if only_plan:
        _print_plan(settings, planned, folder)
        return
    _run(settings, planned, folder, store, force=force)


def _run(settings: Settings, planned: Plan, folder: Path, store: Path | None, *, force: bool) -> None:
    from duetbench.leaderboard import collect
    from duetbench.leaderboard.terminal import print_board
    from duetbench.progress import Progress, ProgressDisplay
    from duetbench.runner import run
    from duetbench.runner.output.run_folder import cell_folder

    progress = Progress() if settings.quiet else ProgressDisplay(settings.progress_console)
    outcome = run(planned, folder, store=store, force=force, progress=progress)
    board = collect([cell_folder(folder, cell) for cell in planned.cells], planned.metrics)
    print_board(board, settings.console)
    for cell, reason in outcome.left_out:
        settings.progress_console.print(f"left out {cell.folder}: {reason}", highlight=False)
    settings.progress_console.print(_summary(outcome), highlight=False)
    if outcome.failures:
        for cell, reason in outcome.failures:
            echo(f"duetbench: FAILED {cell.folder}: {reason}", err=True)
            if settings.verbose:
                _print_traceback(folder / "cells" / cell.folder / "error.txt")
        raise SystemExit(1)


def _print_traceback(file: Path) -> None:
    if file.is_file():
        echo(file.read_text(encoding="utf-8"), err=True)


def _summary(outcome: RunOutcome) -> str:
    counts = [
        (outcome.count("done"), "computed"),
        (outcome.count("found"), "already finished"),
        (outcome.count("left out"), "left out (control not applicable)"),
        (outcome.count("failed"), "failed"),
    ]
    return f"{', '.join(f'{n} {word}' for n, word in counts if n)}; results are in {outcome.folder}"


def _print_plan(settings: Settings, planned: Plan, folder: Path) -> None:
    from duetbench.evaluation.empty_windows import STARVED, starved_text
    from duetbench.runner.estimate import estimate

    estimates = estimate(planned, folder)
    shared, rows = _named_columns(planned)
    titles = [*rows[0], "pairs", "empty windows", "prompts", "prompt tokens", "completion tokens", "state"]
    lines = [[*row.values(), *_numbers(expected)] for row, expected in zip(rows, estimates.cells, strict=True)]
    echo(f"{len(rows)} cells; {', '.join(f'{name} {value}' for name, value in shared.items())}")
    print_table(settings, titles, lines, text_titles=(*rows[0], "state"))
    total = estimates.total
    n_finished = sum(expected.is_finished for expected in estimates.cells)
    excluded = ", trainings not counted" if any(cell.training_id for cell in planned.cells) else ""
    echo(
        f"{n_finished} of {len(rows)} cells are finished. To do: {total.prompts:,} distinct prompts, "
        f"about {total.prompt_tokens:,} prompt tokens and at most {total.completion_tokens:,} completion tokens"
        f"{excluded}. Results go to {folder}."
    )
    for row, expected in zip(rows, estimates.cells, strict=True):
        if (share := expected.empty_windows or 0.0) > STARVED:
            echo(f"duetbench: {' '.join(row.values())}: {starved_text(share)}", err=True)


def _named_columns(planned: Plan) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Attributes that all cells share, and the remaining attributes row by row."""
    titles = ("label", "strategy", "trainer", "control", "dataset", "model", "scorer", "seed")
    rows = [dict(zip(titles, _attributes(cell), strict=True)) for cell in planned.cells]
    with_model = [cell.writing is not None for cell in planned.cells]
    return shared_values(rows, with_model, always=("strategy", "scorer"))


def _attributes(cell: Cell) -> tuple[str, ...]:
    strategy, trainer, *others = cell.names
    return (cell.label, strategy, trainer, cell.control.name if cell.control else "", *others)


def _numbers(expected: Estimate) -> list[str]:
    mark = "~" if expected.is_scaled else ""
    numbers = (expected.prompts, expected.prompt_tokens, expected.completion_tokens)
    state = "finished" if expected.is_finished else "to do"
    empty = "–" if expected.empty_windows is None else f"{mark}{100 * expected.empty_windows:.1f} %"
    return [f"{expected.examples:,}", empty, *(f"{mark}{number:,}" for number in numbers), state]
