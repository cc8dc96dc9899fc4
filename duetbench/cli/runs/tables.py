"""Output of `duetbench runs`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from duetbench.cli.output import echo
from duetbench.cli.tables import print_rows, print_table, shared_values
from duetbench.types import TEMPORALLY_UNSAFE

if TYPE_CHECKING:
    from duetbench.cli.context import Settings
    from duetbench.runs.difference import ResultDifference, RunDifference
    from duetbench.runs.summary import CellSummary, RunSummary

_NOTHING = "–"
_ABSENT = dict.fromkeys(("strategy", "trainer", "model"), "none")
"""What is shown of cells without a model."""
_LEAST_SHOWN = 5e-5
"""Least difference that four digits show."""
_MAX_LISTED = 20
"""Number of cells that are listed as being in one run only."""


def size_text(n_bytes: int) -> str:
    """`12 kB`, `3.4 MB`."""
    return f"{n_bytes / 1e6:.1f} MB" if n_bytes >= 1e6 else f"{n_bytes / 1e3:.0f} kB"


def print_runs(settings: Settings, runs: Sequence[RunSummary]) -> None:
    """Prints a line per run."""
    from duetbench.runs.summary import STATES

    shown = [state for state in STATES if state == "done" or any(run.count(state) for run in runs)]
    rows = [
        [
            run.folder.name,
            str(len(run.cells)),
            *(str(run.count(state)) for state in shown),
            _listed(run.distinct("strategy")),
            _listed(run.distinct("dataset")),
            _time(run.finished),
            size_text(run.bytes),
        ]
        for run in runs
    ]
    print_rows(settings, ("name", "cells", *shown, "strategies", "datasets", "finished (UTC)", "size"), rows)


def print_run(settings: Settings, run: RunSummary) -> None:
    """Prints what the cells of a run share, a line per cell, and the reasons of those without a result."""
    from duetbench.runs.summary import STATES

    counts = ", ".join(f"{run.count(state)} {state}" for state in STATES if run.count(state))
    finished = f"; finished {_time(run.finished)} UTC" if run.finished else ""
    echo(f"{run.folder}: {counts or 'no cells'}{finished}; {size_text(run.bytes)}")
    versions = list(dict.fromkeys(cell.version for cell in run.cells if cell.version))
    rows = [{name: value or _ABSENT.get(name, "") for name, value in cell.names.items()} for cell in run.cells]
    with_model = [bool(cell.names.get("model")) for cell in run.cells]
    shared, differing = shared_values(rows, with_model, always=("strategy", "scorer"))
    shared = {**shared, **({"duetbench": ", ".join(versions)} if versions else {})}
    echo(", ".join(f"{name} {value}" for name, value in shared.items()))
    _print_cells(settings, run.cells, differing)
    for reason in dict.fromkeys(reason for cell in run.cells for reason in cell.temporal_leakage):
        echo(f"warning: {TEMPORALLY_UNSAFE}: {reason}")
    for cell in run.cells:
        if cell.reason:
            echo(f"{cell.state} {cell.folder}: {cell.reason}")


def _print_cells(settings: Settings, cells: Sequence[CellSummary], names: Sequence[Mapping[str, str]]) -> None:
    titles = list(dict.fromkeys(name for row in names for name in row))
    durations = ("training seconds", "seconds") if any(cell.training_seconds for cell in cells) else ("seconds",)
    rows = [
        [*(row.get(title, "") for title in titles), cell.state, _number(cell.mae, 4), *_durations(cell, durations)]
        for cell, row in zip(cells, names, strict=True)
    ]
    print_table(settings, (*titles, "state", "MAE", *durations), rows, text_titles=(*titles, "state"))


def _durations(cell: CellSummary, titles: Sequence[str]) -> list[str]:
    """Seconds of the training, if any cell was trained, and of the whole cell."""
    return [_number(value, 1) for value in (cell.training_seconds, cell.seconds)][-len(titles) :]


def print_difference(settings: Settings, folders: tuple[Path, Path], difference: RunDifference) -> None:
    """Prints settings, results, and cells of one run only."""
    from duetbench.leaderboard.columns import counted

    n = len(difference.results)
    if difference.is_empty:
        echo(f"no difference: {counted(n, 'cell')} with the same settings and results")
        return
    if difference.settings:
        rows = [
            (setting.name, setting.first or _NOTHING, setting.second or _NOTHING, str(setting.n_cells))
            for setting in difference.settings
        ]
        titles = ("setting", *map(str, folders))
        print_table(settings, (*titles, "cells"), rows, text_titles=titles)
    changed = [result for result in difference.results if not result.is_equal]
    if changed:
        _print_results(settings, folders, changed)
    echo(f"{n - len(changed)} of {n} cells in both runs have the same results" if n else "no cell is in both runs")
    for folder, names in zip(folders, (difference.only_first, difference.only_second), strict=True):
        _print_only(folder, names)


def _print_results(settings: Settings, folders: tuple[Path, Path], changed: Sequence[ResultDifference]) -> None:
    """A line for each metric of each cell in which the runs differ, or a line for a cell that failed in one."""
    rows = [line for result in changed for line in _result_lines(result)]
    titles = ("cell", "metric", *map(str, folders), "difference")
    print_table(settings, titles, rows, text_titles=("metric",))
    echo("values of the convention standard over all pairs, missing predictions filled")
    if not all(result.has_same_pairs for result in changed if result.first and result.second):
        echo(f"{_NOTHING}: the cells predict other pairs, so their values cannot be compared")


def _result_lines(result: ResultDifference) -> list[tuple[str, str, str, str, str]]:
    first, second = result.first, result.second
    if first is None or second is None:
        texts = ("failed" if values is None else "done" for values in (first, second))
        return [(result.cell, "state", *texts, _NOTHING)]  # type: ignore[list-item]
    names = [name for name in first if name in second and (first[name] != second[name] or not result.has_same_pairs)]
    return [(result.cell, name, *_change(first[name], second[name], result.has_same_pairs)) for name in names]


def _change(first: float | None, second: float | None, has_same_pairs: bool) -> tuple[str, str, str]:
    """Both values and the second minus the first; a difference that four digits do not show in powers of ten."""
    if first is None or second is None or not has_same_pairs:
        return _number(first, 4), _number(second, 4), _NOTHING
    difference = second - first
    return f"{first:.4f}", f"{second:.4f}", f"{difference:+.{'4f' if abs(difference) >= _LEAST_SHOWN else '0e'}}"


def _print_only(folder: Path, names: Sequence[str]) -> None:
    from duetbench.leaderboard.columns import counted

    if names:
        echo(f"only in {folder}: {counted(len(names), 'cell')}")
    for name in names[:_MAX_LISTED]:
        echo(f"  {name}")
    if len(names) > _MAX_LISTED:
        echo(f"  and {len(names) - _MAX_LISTED} more")


def _listed(values: Sequence[str]) -> str:
    return ", ".join(values) or _NOTHING


def _time(timestamp: str) -> str:
    return timestamp.replace("T", " ").removesuffix("Z") or _NOTHING


def _number(value: float | None, digits: int) -> str:
    return _NOTHING if value is None else f"{value:.{digits}f}"
