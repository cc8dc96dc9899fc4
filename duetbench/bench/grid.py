"""`duetbench bench grid`: what plans and runs cost besides the models, compared with references of the same run."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from duetbench.bench.measure import TimedRun, fastest_runs, time_workload
from duetbench.bench.results import BenchResult

_MODULE = "duetbench.bench.grid_workloads"
_GPU_MS = 0.5
"""Milliseconds per pair of a small model on an accelerator: 2,000 pairs per second."""


@dataclass(frozen=True, slots=True)
class GridBenchOptions:
    """Sizes of the measurements."""

    cells: int = 2_000
    """Cells of the large plan."""
    pairs: int = 100_000
    """Pairs of each cell in the plan of a large dataset."""
    ms: float = 10.0
    """Milliseconds that the engine of the measured run takes per request."""
    repeats: int = 3
    """Runs of each workload, of which the fastest counts."""


def bench_grid(folder: Path, options: GridBenchOptions, *, on_progress: Callable[[str], None]) -> list[BenchResult]:
    """All measurements. Temporary files are written to a new folder in `folder`, which is removed at the end.

    Raises:
        DuetbenchError: a workload failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="bench-", dir=folder))
    try:
        on_progress(f"planning {options.cells:,} cells")
        results = _plans(scratch, options)
        on_progress(f"planning cells of {options.pairs:,} pairs")
        results += _large_plan(scratch, options)
        on_progress("running a grid twice")
        results += _runs(scratch, options)
        on_progress("storing answers")
        results.append(_storing(scratch, options))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return results


def _plans(scratch: Path, options: GridBenchOptions) -> list[BenchResult]:
    cells = str(options.cells)
    workloads = {
        "one": (_MODULE, ("empty_plan", str(scratch))),
        "many": (_MODULE, ("many_cells", str(scratch), cells)),
    }
    runs = fastest_runs(workloads, repeats=options.repeats)
    title = f"plan and estimate of {options.cells:,} cells"
    return [
        _ratio(f"{title}: time relative to one cell", runs["many"], runs["one"], 10),
        _absolute(f"{title}: time", runs["many"].seconds, "s", 10),
    ]


def _large_plan(scratch: Path, options: GridBenchOptions) -> list[BenchResult]:
    from duetbench.data.synthetic.generate import SyntheticSpec, generate

    raw = scratch / "raw"
    generate(raw, "amazon-2014", SyntheticSpec(options.pairs * 5))
    arguments = ("large_plan", str(scratch), str(raw))
    time_workload(_MODULE, arguments)  # prepares the dataset
    run = fastest_runs({"plan": (_MODULE, arguments)}, repeats=options.repeats)["plan"]
    title = f"plan and estimate, {run.result['pairs']:,} pairs per cell"
    return [
        _absolute(f"{title}: time", run.seconds, "s", 10),
        _absolute(f"{title}: peak memory", run.peak_mb, "MB", 1_000),
    ]


def _runs(scratch: Path, options: GridBenchOptions) -> list[BenchResult]:
    arguments = (str(scratch), str(options.ms))
    first = time_workload(_MODULE, ("first_run", *arguments))
    second = time_workload(_MODULE, ("second_run", *arguments))
    requests, other = first.result["requests"], first.result["other"]
    title = f"run of {second.result['cells']} cells with {requests:,} requests of {options.ms:g} ms"
    return [
        _absolute(f"{title}: own time per request", 1000 * other / requests, "ms", 2),
        BenchResult(
            f"finished grid of {second.result['cells']} cells again: time relative to the first run",
            f"{second.seconds:.2f} s, {second.result['requests']} requests",
            f"{first.seconds:.2f} s",
            second.seconds / first.seconds,
            "x",
            0.5,
            at_least=False,
        ),
        _absolute("finished grid again: time without importing", second.seconds, "s", 3),
    ]


def _storing(scratch: Path, options: GridBenchOptions) -> BenchResult:
    names = ("storing", "storing_in_turn")
    workloads = {name: (_MODULE, (name, str(scratch), str(_GPU_MS))) for name in names}
    runs = fastest_runs(workloads, repeats=options.repeats)
    title = f"{runs['storing'].result['prompts']:,} label readings of {_GPU_MS:g} ms: time relative to storing in turn"
    return _ratio(title, runs["storing"], runs["storing_in_turn"], 1)


def _ratio(title: str, ours: TimedRun, reference: TimedRun, bound: float) -> BenchResult:
    value = ours.seconds / reference.seconds
    return BenchResult(title, f"{ours.seconds:.2f} s", f"{reference.seconds:.2f} s", value, "x", bound, at_least=False)


def _absolute(title: str, value: float, unit: str, bound: float) -> BenchResult:
    shown = f"{value:,.0f} {unit}" if unit == "MB" else f"{value:,.2f} {unit}"
    return BenchResult(title, shown, "", value, unit, bound, at_least=False)
