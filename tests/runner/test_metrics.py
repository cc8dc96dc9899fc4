"""Metrics of plugins in runs: computed for every cell, tried before any work, and never the end of a grid."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from grid_making import BASELINES, PLUGIN, logged

from duetbench.errors import ConfigError, PluginError
from duetbench.plugins import Plugins
from duetbench.records import read_record
from duetbench.runner import Plan, RunOutcome

METRIC = """
from duetbench.hookspecs import hookimpl
from duetbench.interfaces import Metric

class Mine(Metric):
    name = "mine"
    title = "Mine"
    summary = "a metric of a plugin"
    lower_is_better = True

    def compute(self, predicted, truth, domain):
        {body}
        return {{"raw": float(len(truth)) if len(truth) else None}}

@hookimpl
def duetbench_register_metrics():
    return [Mine]
"""
FAILS_ON_REAL_PAIRS = "1 / (len(truth) != 4)"


@pytest.fixture
def plugins(tmp_path: Path, request: pytest.FixtureRequest) -> Plugins:
    """The plugins of the grid, with a metric whose `compute` begins with the line that is the parameter."""
    path = tmp_path / "mine.py"
    path.write_text(METRIC.format(body=getattr(request, "param", "")))
    return Plugins([PLUGIN, path], {})


def test_a_metric_of_a_plugin_is_in_the_record_and_on_the_leaderboard(ran: Callable[..., RunOutcome]) -> None:
    outcome = ran(limit=4, baselines=False)
    (path,) = outcome.folder.glob("cells/*/record.json")
    metrics = read_record(path).metrics
    assert metrics
    assert metrics.over["train_mean"].values["mine"] == {"raw": 4.0}
    assert "| Mine |" in (outcome.folder / "leaderboard.md").read_text()


@pytest.mark.parametrize("plugins", ["return {'raw': predicted.sum()}"], indirect=True)
def test_a_metric_that_fails_on_synthetic_pairs_stops_the_plan(planned: Callable[..., Plan]) -> None:
    with pytest.raises(PluginError, match="metric 'mine' returned numbers for no pairs"):
        planned()


@pytest.mark.parametrize("plugins", [FAILS_ON_REAL_PAIRS], indirect=True)
def test_a_metric_that_fails_later_fails_the_cell_and_says_so(ran: Callable[..., RunOutcome]) -> None:
    outcome = ran(limit=4, baselines=False)
    (path,) = outcome.folder.glob("cells/*/record.json")
    error = read_record(path).error
    assert error
    assert error.type == "PluginError"
    assert error.message.startswith("metric 'mine' failed on 4 pairs: ZeroDivisionError")
    assert (path.parent / "predictions.parquet").is_file()


@pytest.mark.parametrize("plugins", [FAILS_ON_REAL_PAIRS], indirect=True)
def test_the_models_work_is_kept_for_the_run_without_the_metric(
    ran: Callable[..., RunOutcome], plugins: Plugins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = f"logging.log={tmp_path / 'log'}"
    assert ran(log, limit=4, baselines=False).count("failed") == 1
    computed = logged(tmp_path / "log", "labels")
    others = [metric for metric in plugins.metrics() if metric.name != "mine"]
    monkeypatch.setattr(plugins, "metrics", lambda: others)
    assert ran(log, limit=4, baselines=False).count("done") == 1
    assert logged(tmp_path / "log", "labels") == computed


@pytest.mark.parametrize("plugins", [FAILS_ON_REAL_PAIRS], indirect=True)
def test_other_cells_are_computed(ran: Callable[..., RunOutcome]) -> None:
    assert ran(limit=4).count("failed") == 1 + len(BASELINES)
    assert ran(limit=3).count("done") == 1 + len(BASELINES)


def test_options_of_a_metric_are_refused(planned: Callable[..., Plan]) -> None:
    with pytest.raises(ConfigError, match=r"mae\.k: a metric has no options"):
        planned("mae.k=5")
