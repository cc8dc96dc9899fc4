"""`duetbench bench predictors`, on too few rows for meaningful times."""

from __future__ import annotations

from pathlib import Path

from grid_making import BASELINES

from duetbench.bench.predictors import bench_predictors
from duetbench.plugins import Plugins


def test_every_scorer_without_a_model_is_fitted(tmp_path: Path) -> None:
    results = bench_predictors(tmp_path, 400, Plugins(environ={}), on_progress=lambda _line: None)
    assert {f"fit of {name}" for name in BASELINES} <= {result.what for result in results}
    assert results[-1].value > max(result.value for result in results[:-1])
    assert list(tmp_path.iterdir()) == []
