"""`duetbench bench`: speed and memory, compared with references of the same run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from duetbench.cli.completion import model_name, plugin_name
from duetbench.cli.context import Settings, pass_settings

if TYPE_CHECKING:
    from duetbench.bench.grpo import GrpoBenchOptions, GrpoBenchResult
    from duetbench.bench.results import BenchResult
    from duetbench.bench.statistics import StatisticsBenchOptions, StatisticsBenchResult

_SMALL_SIZES = {"small": 300_000, "large": 2_000_000, "repeats": 2}
"""The size of `bench data` in `bench all`."""
_SMALL_ROWS = 10_000
"""The size of `bench predictors` in `bench all`."""
_SMALL_SIMULATION = {"replications": 1000, "boards": 100}
"""The size of `bench statistics` in `bench all`."""

_SMALL_GRID = {"pairs": 10_000, "repeats": 1}
"""The size of `bench grid` in `bench all`."""

_folder = click.option(
    "--folder", type=click.Path(path_type=Path), metavar="DIR", help="Folder for temporary files.  [default: the cache]"
)
_json = click.option(
    "--json",
    "report",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write JSON.",
)


@click.group()
def bench() -> None:
    """Measure this installation: speed as ratios to references of the same run, and the statistics of leaderboards."""


@bench.command()
@_folder
@click.option("--small", default=1_000_000, show_default=True, type=click.IntRange(min=1000), metavar="N")
@click.option("--large", default=10_000_000, show_default=True, type=click.IntRange(min=1000), metavar="N")
@click.option("--repeats", default=3, show_default=True, type=click.IntRange(min=1), help="Runs per workload.")
@_json
@pass_settings
def data(settings: Settings, folder: Path | None, small: int, large: int, repeats: int, report: Path | None) -> None:
    """Measure reading, steps and histories on synthetic data; the default size needs 10 GB of disk and some minutes.

    A bound that is not met is shown but is not an error, since other load on the machine can be the cause.
    """
    if small >= large:
        raise click.UsageError(f"--large must be > --small ({small:,}), got {large:,}")
    results = _data(settings, folder, small=small, large=large, repeats=repeats)
    _report(report, results)


def _data(settings: Settings, folder: Path | None, **sizes: int) -> list[BenchResult]:
    from duetbench.bench.data import BenchOptions, bench_data

    with settings.progress_console.status("measuring") as status:
        results = bench_data(_scratch(folder), BenchOptions(**sizes), on_progress=status.update)
    _print(settings, results)
    return results


def _grpo_options(command: Callable[..., Any]) -> Callable[..., Any]:
    options = [
        click.option("--strategy", type=plugin_name("strategy"), default="duet", show_default=True, metavar="NAME"),
        click.option("--dataset", type=plugin_name("dataset"), default="toy", show_default=True, metavar="NAME"),
        click.option("--model", type=model_name(), default="toy-lm", show_default=True, metavar="NAME"),
        click.option("--joint", metavar="MODE", help="The strategy's option: paired or cross."),
        click.option("--steps", default=10, show_default=True, type=click.IntRange(min=2), help="Rounds per run."),
        click.option("--repeats", default=3, show_default=True, type=click.IntRange(min=1), help="Runs of each."),
        click.option("--examples", default=256, show_default=True, type=click.IntRange(min=1), help="Training rows."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@bench.command()
@_grpo_options
@click.option("--set", "settings_", multiple=True, metavar="PATH=VALUE", help="grpo.num_generations=4, ...")
@_folder
@_json
@pass_settings
def grpo(
    settings: Settings,
    /,
    settings_: tuple[str, ...],
    folder: Path | None,
    report: Path | None,
    **chosen: Any,
) -> None:
    """Measure a GRPO step by phase, compared with plain TRL: same model, prompts and settings, a constant reward.

    Both run alternately, each from the untrained weights. The fastest repeat of each round counts, and the first round
    is a warm-up. The constant reward does not save TRL any time: advantages of 0 are computed and backpropagated too.
    """
    from duetbench.bench.grpo import GrpoBenchOptions
    from duetbench.bench.results import write_json
    from duetbench.config import parse_settings

    result = _grpo(settings, folder, GrpoBenchOptions(**chosen), parse_settings(settings_))
    if report:
        write_json(report, result.as_json())


def _grpo(
    settings: Settings, folder: Path | None, options: GrpoBenchOptions, chosen: dict[str, str]
) -> GrpoBenchResult:
    from duetbench.bench.grpo import bench_grpo
    from duetbench.cli.bench.tables import print_grpo

    with settings.progress_console.status("measuring") as status:
        result = bench_grpo(options, chosen, settings.plugins, folder=_scratch(folder), on_progress=status.update)
    print_grpo(settings, result)
    _print(settings, result.results)
    return result


@bench.command()
@click.option("--replications", default=2000, show_default=True, type=click.IntRange(min=10), help="Per population.")
@click.option("--boards", default=500, show_default=True, type=click.IntRange(min=10), help="Boards per size.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0))
@_json
@pass_settings
def statistics(settings: Settings, /, report: Path | None, **chosen: int) -> None:
    """Measure the uncertainty of leaderboards on synthetic methods: coverage of intervals, wrong splits, power.

    Samples of users, items and seeds are drawn again and again from populations whose true differences are known.
    """
    from duetbench.bench.results import write_json
    from duetbench.bench.statistics import StatisticsBenchOptions

    result = _statistics(settings, StatisticsBenchOptions(**chosen))
    if report:
        write_json(report, result.as_json())


def _statistics(settings: Settings, options: StatisticsBenchOptions) -> StatisticsBenchResult:
    from duetbench.bench.statistics import bench_statistics
    from duetbench.cli.bench.tables import print_statistics

    with settings.progress_console.status("simulating") as status:
        result = bench_statistics(options, on_progress=status.update)
    print_statistics(settings, result)
    return result


@bench.command()
@_folder
@click.option("--rows", default=72_000, show_default=True, type=click.IntRange(min=100), metavar="N")
@_json
@pass_settings
def predictors(settings: Settings, folder: Path | None, rows: int, report: Path | None) -> None:
    """Measure how long it takes to fit all scorers without a model to N synthetic training rows with reviews.

    The reference is TF-IDF of the same reviews alone.
    """
    _report(report, _predictors(settings, folder, rows))


def _predictors(settings: Settings, folder: Path | None, rows: int) -> list[BenchResult]:
    from duetbench.bench.predictors import bench_predictors

    with settings.progress_console.status("measuring") as status:
        results = bench_predictors(_scratch(folder), rows, settings.plugins, on_progress=status.update)
    _print(settings, results)
    return results


@bench.command()
@_folder
@click.option("--cells", default=2000, show_default=True, type=click.IntRange(min=2), metavar="N")
@click.option("--pairs", default=100_000, show_default=True, type=click.IntRange(min=100), metavar="N")
@click.option("--repeats", default=3, show_default=True, type=click.IntRange(min=1), help="Runs per workload.")
@_json
@pass_settings
def grid(settings: Settings, /, folder: Path | None, report: Path | None, **sizes: int) -> None:
    """Measure what plans and runs cost besides the models: time of large plans, own time per request, a second run."""
    _report(report, _grid(settings, folder, **sizes))


def _grid(settings: Settings, folder: Path | None, **sizes: int) -> list[BenchResult]:
    from duetbench.bench.grid import GridBenchOptions, bench_grid

    with settings.progress_console.status("measuring") as status:
        results = bench_grid(_scratch(folder), GridBenchOptions(**sizes), on_progress=status.update)
    _print(settings, results)
    return results


@bench.command("all")
@_folder
@_json
@pass_settings
def everything(settings: Settings, folder: Path | None, report: Path | None) -> None:
    """Run all measurements, at a size of a few minutes."""
    from duetbench.bench.grpo import GrpoBenchOptions
    from duetbench.bench.results import results_as_json, write_json
    from duetbench.bench.statistics import StatisticsBenchOptions

    data_results = _data(settings, folder, **_SMALL_SIZES)
    predictor_results = _predictors(settings, folder, _SMALL_ROWS)
    grid_results = _grid(settings, folder, **_SMALL_GRID)
    grpo_result = _grpo(settings, folder, GrpoBenchOptions(), {})
    statistics_result = _statistics(settings, StatisticsBenchOptions(**_SMALL_SIMULATION))
    if report:
        measured = {"data": data_results, "predictors": predictor_results, "grid": grid_results}
        content = {name: results_as_json(results) for name, results in measured.items()}
        write_json(report, {**content, "grpo": grpo_result.as_json(), "statistics": statistics_result.as_json()})


def _scratch(folder: Path | None) -> Path:
    from duetbench.paths import cache_dir

    return folder or cache_dir("bench")


def _report(path: Path | None, results: Sequence[BenchResult]) -> None:
    from duetbench.bench.results import results_as_json, write_json

    if path:
        write_json(path, results_as_json(results))


def _print(settings: Settings, results: Sequence[BenchResult]) -> None:
    from duetbench.cli.bench.tables import print_results

    print_results(settings, results)
