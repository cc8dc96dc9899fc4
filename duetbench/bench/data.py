"""`duetbench bench data`: reading, steps and histories compared with polars, DuckDB and pandas."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from duetbench.bench.data_workloads import SAMPLED_ROWS
from duetbench.bench.measure import TimedRun, fastest_runs
from duetbench.bench.results import BenchResult
from duetbench.data.synthetic.generate import SyntheticSpec, generate
from duetbench.errors import DuetbenchError

_MODULE = "duetbench.bench.data_workloads"
_IMPORT_BOUND = 0.33  # pandas neither checks nor counts any row
_BOOK_ROWS = 72_000  # training rows of the paper's Book


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """Sizes of the measurements."""

    small: int = 1_000_000
    """Interactions of the smaller dataset."""
    large: int = 10_000_000
    """Interactions of the larger dataset; each needs about 1 kB of disk."""
    repeats: int = 3
    """Runs of each workload on the small dataset, of which the fastest counts; at most 2 on the large dataset."""

    @property
    def large_repeats(self) -> int:
        """Runs of each workload on the large dataset."""
        return min(self.repeats, 2)


def bench_data(folder: Path, options: BenchOptions, *, on_progress: Callable[[str], None]) -> list[BenchResult]:
    """All measurements. Temporary files are written to a new folder in `folder`, which is removed at the end.

    Raises:
        DuetbenchError: a workload failed, or duetbench and the reference computed different results.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="bench-", dir=folder))  # another run may use the same folder
    small, large = scratch / f"raw-{options.small}", scratch / f"raw-{options.large}"
    results = []
    try:
        for raw, n in ((small, options.small), (large, options.large)):
            on_progress(f"generating {n:,} interactions")
            generate(raw, "amazon-2018", SyntheticSpec(n), compression="none")
        on_progress("reading JSON lines")
        results += _reading(small, large, options)
        on_progress("importing CSV")
        results.append(_importing(small, options))
        on_progress("preparing complete datasets")
        results += _preparing(small, large, options)
        on_progress("5-core and histories")
        results += [_core(options), _histories()]
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return results


def _reading(small: Path, large: Path, options: BenchOptions) -> list[BenchResult]:
    references = {"polars": "ingest_polars", "DuckDB": "ingest_duckdb"}
    results = []
    for raw, n, repeats in ((small, options.small, options.repeats), (large, options.large, options.large_repeats)):
        workloads = ("ingest", *references.values())
        runs = fastest_runs({name: (_MODULE, (name, str(raw))) for name in workloads}, repeats=repeats)
        mb = sum(path.stat().st_size for path in raw.glob("Digital_Music.json")) / 1e6
        title = f"JSON lines to Parquet, {n:,} rows"
        for library, name in references.items():
            relative = f"{title} ({mb:,.0f} MB): speed relative to {library}"
            results.append(_speed(relative, mb, runs["ingest"], runs[name]))
        peaks = ", ".join(f"{library} {runs[name].peak_mb:,.0f} MB" for library, name in references.items())
        results.append(_memory(f"{title}: peak memory", runs["ingest"], peaks))
    return results


def _speed(title: str, mb: float, ours: TimedRun, reference: TimedRun) -> BenchResult:
    speed = f"{_time_text(ours)}, {mb / ours.seconds:,.0f} MB/s"
    return BenchResult(title, speed, _time_text(reference), reference.seconds / ours.seconds, "x", 0.8, True)


def _time_text(run: TimedRun, digits: int = 1) -> str:
    return f"{run.seconds:.{digits}f} s ({run.cpu_seconds:.{digits}f} s CPU)"


def _importing(raw: Path, options: BenchOptions) -> BenchResult:
    """A CSV file with the columns of the smaller dataset, whose texts need quotes as in real files."""
    import polars as pl

    path = raw / "reviews.csv"
    rows = pl.scan_ndjson(raw / "Digital_Music.json")
    rows.select("reviewerID", "asin", "overall", "unixReviewTime", "reviewText", "summary").sink_csv(path)
    workloads = {name: (_MODULE, (name, str(path))) for name in ("import_csv", "import_csv_pandas")}
    runs = fastest_runs(workloads, repeats=options.repeats)
    title = f"data import, CSV of {options.small:,} rows: speed relative to reading and writing with pandas"
    return _speedup(title, runs["import_csv"], runs["import_csv_pandas"], _IMPORT_BOUND)


def _preparing(small: Path, large: Path, options: BenchOptions) -> list[BenchResult]:
    workloads = {str(raw): (_MODULE, ("prepare_data", str(raw))) for raw in (small, large)}
    small_run, large_run = fastest_runs(workloads, repeats=options.large_repeats).values()
    growth = (large_run.seconds / options.large) / (small_run.seconds / options.small)
    scaling = BenchResult(
        f"data prepare: time per row, {options.large:,} rows relative to {options.small:,}",
        _time_text(large_run),
        _time_text(small_run),
        growth,
        "x",
        1.2,
        False,
    )
    return [scaling, _memory(f"data prepare, {options.large:,} rows: peak memory", large_run, "")]


def _memory(title: str, ours: TimedRun, reference: str) -> BenchResult:
    return BenchResult(title, f"{ours.peak_mb:,.0f} MB", reference, ours.peak_mb, "MB", 1_500, False)


def _core(options: BenchOptions) -> BenchResult:
    size = str(options.large)
    runs = fastest_runs({name: (_MODULE, (name, size)) for name in ("core", "core_pandas")}, repeats=3)
    title = f"5-core, {options.large:,} rows: speed relative to pandas"
    return _speedup(title, runs["core"], runs["core_pandas"], 2)


def _histories() -> BenchResult:
    size = str(_BOOK_ROWS)
    runs = fastest_runs({name: (_MODULE, (name, size)) for name in ("histories", "histories_masks")}, repeats=3)
    title = f"histories, {_BOOK_ROWS:,} rows: speed relative to a mask per row (extrapolated from {SAMPLED_ROWS} rows)"
    return _speedup(title, runs["histories"], runs["histories_masks"], 1_000)


def _speedup(title: str, ours: TimedRun, reference: TimedRun, bound: float) -> BenchResult:
    if ours.result != reference.result:
        raise DuetbenchError(f"{title}: the results differ: {dict(ours.result)} and {dict(reference.result)}")
    return BenchResult(
        title,
        _time_text(ours, digits=3),
        _time_text(reference),
        reference.seconds / ours.seconds,
        "x",
        bound,
        True,
    )
