"""`duetbench bench predictors`: fitting all scorers without a model, compared with TF-IDF of the same reviews alone."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duetbench.bench.measure import Clock
from duetbench.bench.results import BenchResult

if TYPE_CHECKING:
    from duetbench.data import Prepared
    from duetbench.interfaces import FittingData
    from duetbench.plugins import Plugins

_BOUND = 20.0
"""Largest accepted ratio of all fits to one TF-IDF of the training reviews."""


def bench_predictors(
    folder: Path, rows: int, plugins: Plugins, *, on_progress: Callable[[str], None]
) -> list[BenchResult]:
    """The time of every fit, and the sum as a ratio to the reference.

    Args:
        folder: Temporary files are written to a new folder in it, which is removed at the end.
        rows: Number of training rows; validation and test rows are a quarter of it together.
        plugins: All its scorers without a model that can run here are fitted.
        on_progress: Receives what is measured.
    """
    from duetbench.data import HistoryOptions
    from duetbench.runner.examples import fitting_data

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=folder) as scratch:
        on_progress(f"generating {rows:,} training rows")
        data = fitting_data(_prepared(Path(scratch), rows, plugins), HistoryOptions())
    reference = _tfidf_seconds(data)
    with Clock() as clock:
        n_rows = len(data.train()) + len(data.valid())
    seconds = {f"histories of {n_rows:,} rows": clock.seconds}
    for name, registered in plugins.of_kind("scorer").items():
        cls: Any = registered.cls
        if not cls.needs_engine and cls.missing() is None:
            on_progress(f"fitting {name}")
            seconds[f"fit of {name}"] = _fit_seconds(cls, data)
    parts = [_result(what, value, reference) for what, value in seconds.items()]
    title = f"all scorers without a model, {data.interactions.height:,} training rows, relative to TF-IDF alone"
    return [*parts, _result(title, sum(seconds.values()), reference)]


def _prepared(folder: Path, rows: int, plugins: Plugins) -> Prepared:
    from duetbench.data import prepare
    from duetbench.data.synthetic.generate import SyntheticSpec, generate

    generate(folder, "amazon-2014", SyntheticSpec(rows * 5 // 4))
    dataset: Any = plugins.get("dataset", "amazon-music").cls()
    data = prepare(dataset, raw=folder, steps=("sort", "split_count:0.8/0.1/0.1"), cache=folder / "cache")
    return data.with_interactions(data.interactions)  # loads the tables before the folder is removed


def _tfidf_seconds(data: FittingData) -> float:
    from sklearn.feature_extraction.text import TfidfVectorizer

    with Clock() as clock:
        TfidfVectorizer().fit_transform(data.interactions["review"].to_list())
    return clock.seconds


def _fit_seconds(cls: Any, data: FittingData) -> float:
    scorer = cls()
    with Clock() as clock:
        scorer.fit(data)
    return clock.seconds


def _result(what: str, seconds: float, reference: float) -> BenchResult:
    return BenchResult(what, f"{seconds:.2f} s", f"{reference:.2f} s", seconds / reference, "x", _BOUND, False)
