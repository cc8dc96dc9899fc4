"""`duetbench bench grid`, on sizes that are too small for meaningful times."""

from __future__ import annotations

from pathlib import Path

import pytest

from duetbench.bench.grid import GridBenchOptions, bench_grid


@pytest.mark.slow
def test_every_measurement_has_a_value(tmp_path: Path) -> None:
    options = GridBenchOptions(cells=4, pairs=200, ms=0.1, repeats=1)
    results = bench_grid(tmp_path, options, on_progress=lambda _line: None)
    assert [result.unit for result in results] == ["x", "s", "s", "MB", "ms", "x", "s", "x"]
    assert all(result.value > 0 for result in results)
    assert list(tmp_path.iterdir()) == []
