"""`duetbench bench data`: reading, steps and histories beside the usual ways of doing them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from duetbench.bench.data_work import SAMPLED_ROWS
from duetbench.bench.measure import TimedRun, alternated
from duetbench.bench.results import BenchResult
from duetbench.data.synthetic.generate import SyntheticSpec, generate
from duetbench.errors import DuetbenchError

_WORK = "duetbench.bench.data_work"
_BOOKS = 72_000  # training rows of the paper's Book


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """How large the measurements are."""

    small: int = 1_000_000
    """Interactions of the smaller set."""
    large: int = 10_000_000
    """Interactions of the larger set; raw files and results need about 1 kB of disk each."""
    repeats: int = 3
    """Runs of each work on the small set, of which the fastest counts; on the large set two at most."""

    @property
    def few(self) -> int:
        """Runs of each work on the large set."""
        return min(self.repeats, 2)


def bench_data(folder: Path, options: BenchOptions, *, on_progress: Callable[[str], None]) -> list[BenchResult]:
    """All measurements; what they write stays below `folder` and is removed again.

    Raises:
        DuetbenchError: a work failed, or two ways of doing the same gave different results.
    """
    folder.mkdir(parents=True, exist_ok=True)
    own = Path(tempfile.mkdtemp(prefix="bench-", dir=folder))  # another run may use the same folder
    small, large = own / f"raw-{options.small}", own / f"raw-{options.large}"
    lines = []
    try:
        for place, n in ((small, options.small), (large, options.large)):
            on_progress(f"generating {n:,} interactions")
            generate(place, "amazon-2018", SyntheticSpec(n), compression="none")
        on_progress("reading JSON lines")
        lines += _reading(small, large, options)
        on_progress("preparing whole sets")
        lines += _preparing(small, large, options)
        on_progress("5-core and histories")
        lines += [*_core(options), *_histories()]
    finally:
        shutil.rmtree(own, ignore_errors=True)
    return lines


def _reading(small: Path, large: Path, options: BenchOptions) -> list[BenchResult]:
    names = ("ingest", "ingest_polars", "ingest_duckdb")
    lines = []
    for place, n, repeats in ((small, options.small, options.repeats), (large, options.large, options.few)):
        found = alternated({name: (_WORK, (name, str(place))) for name in names}, repeats=repeats)
        ours = found["ingest"]
        mb = sum(path.stat().st_size for path in place.glob("Digital_Music.json")) / 1e6
        lines += [_rate(f"JSON lines to Parquet, {n:,} rows ({mb:,.0f} MB)", mb, found, name) for name in names[1:]]
        peaks = ", ".join(f"{name.removeprefix('ingest_')} {found[name].peak_mb:,.0f} MB" for name in names[1:])
        lines.append(_memory(f"JSON lines to Parquet, {n:,} rows: peak memory", ours, peaks))
    return lines


def _rate(what: str, mb: float, found: Mapping[str, TimedRun], name: str) -> BenchResult:
    ours, theirs = found["ingest"], found[name]
    speed = f"{_time(ours)}, {mb / ours.seconds:,.0f} MB/s"
    what = f"{what}: rate beside bare {name.removeprefix('ingest_')}"
    return BenchResult(what, speed, _time(theirs), theirs.seconds / ours.seconds, "x", 0.8, True)


def _time(found: TimedRun, digits: int = 1) -> str:
    return f"{found.seconds:.{digits}f} s ({found.cpu_seconds:.{digits}f} s CPU)"


def _preparing(small: Path, large: Path, options: BenchOptions) -> list[BenchResult]:
    works = {str(place): (_WORK, ("whole_prepare", str(place))) for place in (small, large)}
    one, ten = alternated(works, repeats=options.few).values()
    per_row = (ten.seconds / options.large) / (one.seconds / options.small)
    growth = BenchResult(
        f"whole prepare, {options.large:,} beside {options.small:,} rows: time per row",
        _time(ten),
        _time(one),
        per_row,
        "x",
        1.2,
        False,
    )
    return [growth, _memory(f"whole prepare, {options.large:,} rows: peak memory", ten, "")]


def _memory(what: str, ours: TimedRun, reference: str) -> BenchResult:
    return BenchResult(what, f"{ours.peak_mb:,.0f} MB", reference, ours.peak_mb, "MB", 1_500, False)


def _core(options: BenchOptions) -> list[BenchResult]:
    size = str(options.large)
    found = alternated({name: (_WORK, (name, size)) for name in ("core", "core_pandas")}, repeats=3)
    return [
        _faster(f"5-core, {options.large:,} rows: times faster than pandas", found["core"], found["core_pandas"], 2)
    ]


def _histories() -> list[BenchResult]:
    size = str(_BOOKS)
    found = alternated({name: (_WORK, (name, size)) for name in ("histories", "histories_masks")}, repeats=3)
    what = f"histories of {_BOOKS:,} rows: times faster than a mask a row (timed on {SAMPLED_ROWS}, scaled)"
    return [_faster(what, found["histories"], found["histories_masks"], 1_000)]


def _faster(what: str, ours: TimedRun, reference: TimedRun, bound: float) -> BenchResult:
    if ours.result != reference.result:
        raise DuetbenchError(f"{what}: the results differ, {dict(ours.result)} and {dict(reference.result)}")
    return BenchResult(
        what,
        _time(ours, digits=3),
        _time(reference),
        reference.seconds / ours.seconds,
        "x",
        bound,
        True,
    )
