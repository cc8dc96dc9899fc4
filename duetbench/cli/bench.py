"""`duetbench bench`: measurements against references in the same run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from duetbench.cli.context import Settings, pass_settings

if TYPE_CHECKING:
    from duetbench.bench.grpo import GrpoBench, GrpoBenchResult
    from duetbench.bench.results import BenchResult

_FEW = {"small": 300_000, "large": 2_000_000, "repeats": 2}
"""Size of `bench data` in `bench all`."""

_folder = click.option(
    "--folder", type=click.Path(path_type=Path), metavar="DIR", help="Scratch space.  [default: the cache]"
)
_json = click.option(
    "--json", "report", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write JSON too."
)


@click.group()
def bench() -> None:
    """Measure this installation: ratios to references in the same run."""


@bench.command()
@_folder
@click.option("--small", default=1_000_000, show_default=True, type=click.IntRange(min=1000), metavar="N")
@click.option("--large", default=10_000_000, show_default=True, type=click.IntRange(min=1000), metavar="N")
@click.option("--repeats", default=3, show_default=True, type=click.IntRange(min=1), help="Of the small measurements.")
@_json
@pass_settings
def data(settings: Settings, folder: Path | None, small: int, large: int, repeats: int, report: Path | None) -> None:
    """Reading, steps and histories on generated data; the full size needs 10 GB of disk and some minutes.

    A bound that is not met is shown, and is no error: a busy machine misses some.
    """
    if small >= large:
        raise click.UsageError(f"--large wants more than --small, not {large:,} beside {small:,}")
    lines = _data(settings, folder, small=small, large=large, repeats=repeats)
    _report(report, lines)


def _data(settings: Settings, folder: Path | None, **sizes: int) -> list[BenchResult]:
    from duetbench.bench.data import BenchOptions, bench_data

    with settings.progress_console.status("measuring") as status:
        lines = bench_data(_scratch(folder), BenchOptions(**sizes), on_progress=status.update)
    _print(settings, lines)
    return lines


def _grpo_options(command: Callable[..., Any]) -> Callable[..., Any]:
    options = [
        click.option("--strategy", default="duet", show_default=True, metavar="NAME"),
        click.option("--dataset", default="toy", show_default=True, metavar="NAME"),
        click.option("--model", default="toy-lm", show_default=True, metavar="NAME"),
        click.option("--joint", metavar="MODE", help="The strategy's option: paired or cross."),
        click.option("--steps", default=10, show_default=True, type=click.IntRange(min=2), help="Rounds of a run."),
        click.option("--repeats", default=3, show_default=True, type=click.IntRange(min=1), help="Runs of each side."),
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
    """A step of GRPO by phase, and beside it TRL alone: same model, prompts and settings, a constant reward.

    The sides run in turns, each from the untrained weights; each round counts as its fastest repeat had it, without the
    first, which warms up. A constant reward saves TRL nothing: advantages of 0 go forward and backward like others.
    """
    from duetbench.bench.grpo import GrpoBench
    from duetbench.bench.results import write_json
    from duetbench.config import parse_settings

    found = _grpo(settings, folder, GrpoBench(**chosen), parse_settings(settings_))
    if report:
        write_json(report, found.as_json())


def _grpo(settings: Settings, folder: Path | None, options: GrpoBench, chosen: dict[str, str]) -> GrpoBenchResult:
    from duetbench.bench.grpo import bench_grpo
    from duetbench.cli.bench_tables import print_grpo

    with settings.progress_console.status("measuring") as status:
        found = bench_grpo(options, chosen, settings.plugins, folder=_scratch(folder), on_progress=status.update)
    print_grpo(settings, found)
    _print(settings, found.lines)
    return found


@bench.command("all")
@_folder
@_json
@pass_settings
def everything(settings: Settings, folder: Path | None, report: Path | None) -> None:
    """Every measurement, at a size of a few minutes."""
    from duetbench.bench.grpo import GrpoBench
    from duetbench.bench.results import lines_json, write_json

    lines = _data(settings, folder, **_FEW)
    found = _grpo(settings, folder, GrpoBench(), {})
    if report:
        write_json(report, {"data": lines_json(lines), "grpo": found.as_json()})


def _scratch(folder: Path | None) -> Path:
    from duetbench.paths import cache_dir

    return folder or cache_dir("bench")


def _report(path: Path | None, lines: Sequence[BenchResult]) -> None:
    from duetbench.bench.results import lines_json, write_json

    if path:
        write_json(path, lines_json(lines))


def _print(settings: Settings, lines: Sequence[BenchResult]) -> None:
    from duetbench.cli.bench_tables import print_lines

    print_lines(settings, lines)
