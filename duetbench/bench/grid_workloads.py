"""The workloads of `duetbench bench grid`, each run as `python -m duetbench.bench.grid_workloads NAME FOLDER ...`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duetbench.bench.measure import Clock, report

if TYPE_CHECKING:
    from duetbench.runner import Plan, RunOutcome

STEPS = "sort,split_count:0.6/0.2/0.2"
"""A fifth of the rows of `large_plan` are predicted."""


def _plan(folder: Path, settings: dict[str, str] | None = None, **grid: Any) -> Plan:
    from duetbench.bench import waiting_engine
    from duetbench.plugins import Plugins
    from duetbench.runner import Grid, RunConfig, plan

    os.environ["DUETBENCH_CACHE"] = str(folder / "cache")
    plugins = Plugins([Path(waiting_engine.__file__)], environ={})
    defaults = {"strategies": ("10h", "duet"), "trainers": ("none",), "models": ("served:none",), "engine": "waiting"}
    return plan(RunConfig((Grid(**{**defaults, **grid}),), "bench", settings or {}), plugins)


def empty_plan(folder: str) -> None:
    """Plans and estimates one cell: what every plan needs, imports included."""
    many_cells(folder, "1", strategies=("10h",))


def many_cells(folder: str, cells: str, **grid: Any) -> None:
    """Plans and estimates a grid of this many cells, which differ in strategy and seed."""
    from duetbench.runner.estimating.estimate import estimate

    grid = {"strategies": ("10h", "duet"), **grid}
    seeds = tuple(range(max(int(cells) // len(grid["strategies"]), 1)))
    with Clock() as clock:
        planned = _plan(Path(folder), seeds=seeds, baselines=False, **grid)
        estimate(planned)
    report(clock, cells=len(planned.cells))


def large_plan(folder: str, raw: str) -> None:
    """Plans and estimates cells with many pairs; the dataset is prepared before if the folder has been used before."""
    from duetbench.runner.estimating.estimate import estimate

    settings = {"data.raw": raw, "data.steps": STEPS}
    with Clock() as clock:
        planned = _plan(Path(folder), settings, datasets=("amazon-music",), baselines=False)
        pairs = estimate(planned).cells[0].examples
    report(clock, pairs=pairs)


def first_run(folder: str, ms: str) -> None:
    """Runs a grid on an engine that takes `ms` milliseconds per request."""
    with Clock() as clock:
        outcome = _run(Path(folder), ms)
    times = outcome.times
    report(clock, requests=times.requests, engine=times.engine, other=times.other)


def second_run(folder: str, ms: str) -> None:
    """Runs a finished grid again; importing what it uses is not timed."""
    import numpy  # noqa: F401  # as what follows: imports are not timed
    import polars  # noqa: F401

    import duetbench.leaderboard.formats
    import duetbench.runner  # noqa: F401

    with Clock() as clock:
        outcome = _run(Path(folder), ms)
    report(clock, requests=outcome.times.requests, found=outcome.count("found"), cells=len(outcome.states))


def _run(folder: Path, ms: str) -> RunOutcome:
    from duetbench.runner import run

    planned = _plan(folder, {"waiting.ms": ms}, seeds=(0, 1, 2))
    return run(planned, folder / "out", store=folder / "store.sqlite")


def storing(folder: str, ms: str) -> None:
    """Answers prompts while those before are stored."""
    _store(Path(folder), ms, is_overlapped=True)


def storing_in_turn(folder: str, ms: str) -> None:
    """Answers prompts and stores them in turn."""
    _store(Path(folder), ms, is_overlapped=False)


def _store(folder: Path, ms: str, *, is_overlapped: bool) -> None:
    from duetbench.bench.waiting_engine import WaitingEngine
    from duetbench.engines.store.stored_engine import RequestStore, StoredEngine
    from duetbench.prompts import unique_prompts
    from duetbench.types import Message

    turns = [(Message("user", f"{number} " + "A review of some length. " * 60),) for number in range(3000)]
    prompts = unique_prompts("pair", enumerate(turns))
    path = folder / f"{'overlapped' if is_overlapped else 'in-turn'}-{os.getpid()}.sqlite"
    store = RequestStore(path)
    if not is_overlapped:
        store.put_later = store.put  # type: ignore[method-assign]
    engine = StoredEngine(WaitingEngine(WaitingEngine.Config(ms=float(ms))), store)
    with Clock() as clock:
        engine.label_logprobs(prompts, "", ("1", "2", "3", "4", "5"))
    store.close()
    report(clock, prompts=len(prompts))


WORKLOADS: dict[str, Callable[..., None]] = {
    workload.__name__: workload
    for workload in (empty_plan, many_cells, large_plan, first_run, second_run, storing, storing_in_turn)
}

if __name__ == "__main__":
    WORKLOADS[sys.argv[1]](*sys.argv[2:])
