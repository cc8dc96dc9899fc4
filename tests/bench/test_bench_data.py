"""`duetbench bench data`, on a set too small to measure anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from duetbench.bench.data import BenchOptions, bench_data
from duetbench.bench.measure import Clock, measured, peak_mb
from duetbench.bench.results import BenchResult
from duetbench.cli import main
from duetbench.errors import DuetbenchError

pytest.importorskip("pandas")
TINY = BenchOptions(small=2_000, large=4_000, repeats=1)


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[BenchResult]:
    """One whole run."""
    folder = tmp_path_factory.mktemp("bench")
    (others := folder / "raw-2000").mkdir()
    found = bench_data(folder, TINY, on_progress=lambda _line: None)
    assert list(folder.iterdir()) == [others]
    return found


def test_every_bound_is_measured(lines: list[BenchResult]) -> None:
    bounds = [(line.bound, line.unit, line.at_least) for line in lines]
    assert bounds.count((0.8, "x", True)) == 4
    assert bounds.count((1_500, "MB", False)) == 3
    assert {(1.2, "x", False), (2, "x", True), (1_000, "x", True)} <= set(bounds)


def test_histories_beat_masks_even_when_all_is_busy(lines: list[BenchResult]) -> None:
    assert next(line.value for line in lines if "mask a row" in line.what) > 100


def test_a_bound_holds_from_its_side() -> None:
    line = BenchResult("x", "", "", 0.8, "x", 0.8, True)
    assert line.is_met
    assert not BenchResult("x", "", "", 0.9, "x", 0.8, False).is_met


def test_work_that_fails_is_named() -> None:
    with pytest.raises(DuetbenchError, match=r"the measurement .* failed"):
        measured("duetbench.bench.data_work", ["core", "no number"])


def test_memory_and_time_are_counted() -> None:
    with Clock() as clock:
        sum(range(100_000))
    assert clock.seconds > 0
    assert peak_mb() > 5


def test_the_command_prints_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = BenchResult("something", "1 s", "2 s", 2.0, "x", 3.0, True)
    monkeypatch.setattr("duetbench.bench.data.bench_data", lambda *_args, **_named: [line])
    result = CliRunner().invoke(main, ["bench", "data", "--folder", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 0
    assert "NOT met" in result.stdout
