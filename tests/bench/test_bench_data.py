"""`duetbench bench data`, on a data set too small for meaningful times."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from duetbench.bench.data import BenchOptions, bench_data
from duetbench.bench.measure import Clock, peak_mb, time_workload
from duetbench.bench.results import BenchResult
from duetbench.cli import main
from duetbench.errors import DuetbenchError

pytest.importorskip("pandas")
TINY = BenchOptions(small=2_000, large=4_000, repeats=1)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[BenchResult]:
    """One complete run."""
    folder = tmp_path_factory.mktemp("bench")
    (existing := folder / "raw-2000").mkdir()
    measured = bench_data(folder, TINY, on_progress=lambda _line: None)
    assert list(folder.iterdir()) == [existing]
    return measured


def test_every_bound_is_measured(results: list[BenchResult]) -> None:
    bounds = [(result.bound, result.unit, result.at_least) for result in results]
    assert bounds.count((0.8, "x", True)) == 4
    assert bounds.count((1_500, "MB", False)) == 3
    assert {(1.2, "x", False), (2, "x", True), (1_000, "x", True), (0.33, "x", True)} <= set(bounds)


def test_histories_are_faster_than_masks_even_under_load(results: list[BenchResult]) -> None:
    assert next(result.value for result in results if "mask per row" in result.what) > 100


def test_bound_may_be_lower_or_upper() -> None:
    assert BenchResult("x", "", "", 0.8, "x", 0.8, True).is_met
    assert not BenchResult("x", "", "", 0.9, "x", 0.8, False).is_met


def test_failing_workload_is_named() -> None:
    with pytest.raises(DuetbenchError, match=r"the measurement .* failed"):
        time_workload("duetbench.bench.data_workloads", ["core", "no number"])


def test_time_and_memory_are_measured() -> None:
    with Clock() as clock:
        sum(range(100_000))
    assert clock.seconds > 0
    assert peak_mb() > 5


def test_command_prints_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missed = BenchResult("something", "1 s", "2 s", 2.0, "x", 3.0, True)
    monkeypatch.setattr("duetbench.bench.data.bench_data", lambda *_args, **_named: [missed])
    result = CliRunner().invoke(main, ["bench", "data", "--folder", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 0
    assert "NOT met" in result.stdout
