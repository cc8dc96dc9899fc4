"""`duetbench bench statistics`, small in the default tests; the complete size is slow."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from duetbench.bench.simulation import SimulatedPopulation, simulated
from duetbench.bench.statistics import (
    BOARDS,
    NOT_MET,
    POPULATIONS,
    CoverageResult,
    StatisticsBenchOptions,
    StatisticsBenchResult,
    bench_statistics,
)
from duetbench.cli import main

_SMALL = StatisticsBenchOptions(replications=300, boards=40)


def _measured(options: StatisticsBenchOptions, **chosen: object) -> StatisticsBenchResult:
    return bench_statistics(options, on_progress=lambda _line: None, **chosen)  # type: ignore[arg-type]


def test_intervals_cover_the_true_difference() -> None:
    populations = [SimulatedPopulation("a", 20, is_heavy=True), SimulatedPopulation("b", 60, 5, seeds=3, seed_sd=0.03)]
    coverages = [result.coverage for result in _measured(_SMALL, populations=populations, boards=()).coverages]
    assert all(0.91 <= (coverage or 0) <= 0.99 for coverage in coverages), coverages


def test_equal_methods_are_rarely_split_and_different_ones_are_told_apart() -> None:
    (result,) = _measured(_SMALL, populations=(), boards=[(8, SimulatedPopulation("x", 129, 10, is_heavy=True))]).splits
    assert result.split <= 0.15
    assert result.power[-1] > 0.5 > result.power[0]


@pytest.mark.parametrize(("share", "verdict"), [(0.95, "met"), (0.931, "undecided"), (0.9, "NOT met")])
def test_verdicts_know_the_error_of_the_simulation(share: float, verdict: str) -> None:
    assert CoverageResult(SimulatedPopulation("x", 20), share, 2000, 0.1, 2000).verdict == verdict


def test_f1_of_few_pairs_has_no_interval_and_no_star() -> None:
    few = SimulatedPopulation("x", 24, 1, metric="f1")
    result = _measured(StatisticsBenchOptions(20, 20), populations=[few], boards=[(8, few)])
    assert result.coverages[0].shown <= 4
    assert result.splits[0].starred == 0


def test_seeds_of_a_method_share_everything_but_their_own_effect() -> None:
    values = simulated(SimulatedPopulation("x", 10, seeds=3, seed_sd=0.5), 1, np.random.default_rng(0)).values[0]
    assert (values - values[0]).std(axis=1) == pytest.approx(0)
    assert len({round(float(value), 9) for value in values.mean(axis=1)}) == 3


def test_popular_items_and_unequal_users() -> None:
    population = SimulatedPopulation("x", 50, 10, items=100, unbalance=0.8, popularity=1.0)
    columns = simulated(population, 1, np.random.default_rng(0))
    sizes, shares = (np.bincount(np.asarray(names, dtype=int)) for names in (columns.users, columns.items))
    assert sizes.max() > 3 * sizes.min()
    assert shares.max() > 5 * np.median(shares)
    assert len(set(zip(columns.users, columns.items, strict=True))) == len(columns.users)


def test_command_prints_tables_and_writes_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("duetbench.bench.statistics.bench_statistics", lambda *_args, **_named: _few())
    path = tmp_path / "report.json"
    result = CliRunner().invoke(main, ["bench", "statistics", "--json", str(path)], catch_exceptions=False)
    assert "equal methods split" in result.stdout
    assert {"coverage", "boards"} <= set(json.loads(path.read_text()))


def _few() -> StatisticsBenchResult:
    population = SimulatedPopulation("x", 10, 2)
    return _measured(StatisticsBenchOptions(10, 10), populations=[population], boards=[(3, population)])


@pytest.mark.slow
def test_bounds_are_met() -> None:
    result = _measured(StatisticsBenchOptions(), populations=POPULATIONS, boards=BOARDS)
    assert not [of for of in result.coverages if of.verdict == NOT_MET]
    assert not [of for of in result.splits if of.verdict == NOT_MET]
