"""`duetbench run`: runs a grid, cell by cell."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from duetbench.cli.completion import model_name, names_option, plugin_name
from duetbench.cli.context import Settings, pass_settings
from duetbench.cli.output import echo
from duetbench.cli.tables import print_table, shared_values

if TYPE_CHECKING:
    from duetbench.runner import Plan, RunOutcome
    from duetbench.runner.estimating.estimate import Estimate
    from duetbench.runner.estimating.run_times import RunTimes
    from duetbench.runner.planning.cells import Cell


@click.command()
@names_option("--strategy", "strategies", plugin_name("strategy"), "Strategy that writes the profiles.")
@names_option("--dataset", "datasets", plugin_name("dataset"), "Dataset, or prepared folder.  [default: toy]")
@names_option("--model", "models", model_name(), "Model card, path:DIR or hf:ORG/NAME.  [default on toy: toy-lm]")
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
@click.option(
    "--ray",
    metavar="ADDRESS",
    help="Compute on a Ray cluster: auto, HOST:PORT, or local, which starts one. Needs duetbench[ray].",
)
@click.option("--slurm", is_flag=True, help="Compute cells as Slurm jobs and wait for them. Needs duetbench[slurm].")
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
    ray: str | None,
    slurm: bool,
    **grid: Any,
) -> None:
    """Run every combination of strategies, trainers, datasets, models, scorers and seeds.

    Finished cells are skipped: the same command resumes an interrupted run. Repeat an option to give several values.

    Results go to runs/NAME: NAME is the `name` in the configuration; else its file name, or strategies and datasets,
    with a digest of all options. Options of the command line always add one, so that each set has its own folder.
    `duetbench runs ls` lists them.
    """
    from duetbench.cli.plugins_list import report_faults
    from duetbench.cluster.choice import cluster_choice
    from duetbench.config import parse_settings
    from duetbench.errors import UsageError
    from duetbench.progress import Progress, ProgressDisplay
    from duetbench.runner import plan, run_config
    from duetbench.runner import run as run_plan
    from duetbench.runner.estimating.speed import KnownSpeeds, estimated_seconds

    chosen = {name: value for name, value in grid.items() if value}
    if no_baselines:
        chosen["baselines"] = False
    if controls is not None:
        chosen["controls"] = controls
    if file is None and "strategies" not in chosen:
        raise UsageError("nothing to run: give a strategy (--strategy duet) or a file (--config FILE)")
    cluster = cluster_choice(ray, slurm=slurm, settings=parse_settings(settings_))
    config = run_config(chosen, file=file, settings=cluster.run_settings)
    folder = out or Path("runs") / config.name
    with settings.progress_console.status("planning") as status:
        planned = plan(config, settings.plugins, on_progress=status.update)
    report_faults(settings.plugins)  # a metric that is broken would go missing unnoticed
    for note in planned.notes:
        settings.progress_console.print(note, highlight=False)
    if only_plan:
        _print_plan(settings, planned, folder)
        return
    progress = Progress() if settings.quiet else ProgressDisplay(settings.progress_console)
    speeds = KnownSpeeds.load()
    expected = None if cluster.kind else estimated_seconds(planned, folder, speeds)  # speeds are those of one machine
    with closing(cluster.placement(config, settings.plugins, folder, progress.print_line)) as placement:
        outcome = run_plan(planned, folder, store=store, force=force, progress=progress, placement=placement)
    if not cluster.kind:
        speeds.update(outcome.times.work)
    _report(settings, outcome, expected)


def _report(settings: Settings, outcome: RunOutcome, expected: float | None) -> None:
    from duetbench.leaderboard.terminal import print_board

    assert outcome.board is not None
    print_board(outcome.board, settings.console)
    for cell, reason in outcome.left_out:
        settings.progress_console.print(f"left out {cell.folder}: {reason}", highlight=False)
    settings.progress_console.print(_summary(outcome), highlight=False)
    settings.progress_console.print(_times(outcome.times, expected), highlight=False)
    if outcome.failures:
        for cell, reason in outcome.failures:
            echo(f"duetbench: FAILED {cell.folder}: {reason}", err=True)
            if settings.verbose:
                _print_traceback(outcome.folder / "cells" / cell.folder / "error.txt")
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


def _times(times: RunTimes, expected: float | None) -> str:
    """The time of a run by part, next to its estimate if there is one."""
    parts = {"engines": times.engine, "trainings": times.training, "on the cluster": times.elsewhere}
    parts["everything else"] = times.other
    shown = ", ".join(f"{name} {_duration(seconds)}" for name, seconds in parts.items() if seconds >= 0.05)
    estimated = f"; estimated for engines: {_duration(expected)}, without answers in the store" if expected else ""
    return f"{_duration(times.seconds)}: {shown}; {times.requests:,} requests computed{estimated}"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def _print_plan(settings: Settings, planned: Plan, folder: Path) -> None:
    from duetbench.evaluation.empty_windows import STARVED, starved_text
    from duetbench.runner.estimating.estimate import estimate
    from duetbench.runner.estimating.speed import KnownSpeeds

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
    if estimates.work and (seconds := KnownSpeeds.load().seconds(estimates.work)) is not None:
        echo(f"About {_duration(seconds)} at the speed of earlier runs on this machine{excluded}.")
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
