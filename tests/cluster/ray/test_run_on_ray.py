"""Whole runs on a real cluster: batches on the fleet, trainings and cells without a model as tasks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from grid_making import logged

from duetbench.cluster.jobs import RunSource
from duetbench.cluster.ray.connection import RayCluster
from duetbench.cluster.ray.options import RayOptions
from duetbench.cluster.ray.placement import RayPlacement
from duetbench.errors import ConfigError, EngineError
from duetbench.records import read_record
from duetbench.runner import Plan, RunConfig, RunOutcome, run

pytestmark = pytest.mark.xdist_group("ray")  # one cluster for all tests

Configured = Callable[..., RunConfig]
Planned = Callable[[RunConfig], Plan]
Sourced = Callable[[RunConfig], RunSource]


@pytest.fixture
def ran(cluster: Any, planned: Planned, source: Sourced, tmp_path: Path) -> Callable[..., RunOutcome]:
    """Runs a configuration on the cluster."""

    def made(config: RunConfig, **options: Any) -> RunOutcome:
        placement = RayPlacement(RayCluster("auto"), RayOptions(**options), source(config), lambda _line: None)
        with closing(placement):
            return run(planned(config), tmp_path / "out", store=tmp_path / "store.sqlite", placement=placement)

    return made


def test_a_run_is_the_same_as_in_one_process(
    ran: Callable[..., RunOutcome], config: Configured, planned: Planned, tmp_path: Path
) -> None:
    settings = config(
        f"counting.log={tmp_path / 'log'}",
        strategies=("10h", "duet"),
        trainers=("none", "counting"),
        scorers=("rating_expectation", "bias"),
    )
    plan = planned(settings)
    outcome = ran(settings)
    assert outcome.count("done") == len(plan.cells)
    trainings = {cell.training_id for cell in plan.cells if cell.training_id}
    assert len(logged(tmp_path / "log", "trained")) == len(trainings) == 1  # once, as a task
    run(plan, tmp_path / "local", store=tmp_path / "local.sqlite")
    for cell in plan.cells:
        files = [tmp_path / folder / "cells" / cell.folder / "predictions.parquet" for folder in ("out", "local")]
        assert pl.read_parquet(files[0]).equals(pl.read_parquet(files[1]))


def test_the_record_says_how_many_workers_there_were(
    ran: Callable[..., RunOutcome], config: Configured, planned: Planned, tmp_path: Path
) -> None:
    settings = config()
    ran(settings)
    record = read_record(tmp_path / "out" / "cells" / planned(settings).cells[0].folder)
    assert record.engine is not None
    assert record.engine.settings["ray_workers"] == 3


def test_a_failed_training_fails_its_cells_and_nothing_else(ran: Callable[..., RunOutcome], config: Configured) -> None:
    settings = config("counting.log=missing/folder/log", strategies=("duet",), trainers=("none", "counting"))
    outcome = ran(settings)
    assert (outcome.count("done"), outcome.count("failed")) == (1, 1)
    assert "No such file or directory" in outcome.failures[0][1]


def test_a_run_without_anything_for_the_cluster_is_an_error(ran: Callable[..., RunOutcome], config: Configured) -> None:
    with pytest.raises(ConfigError, match="--ray: no effect"):
        ran(config(strategies=(), scorers=("bias",), models=()), tasks=False)


def test_no_cluster_at_the_address_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray", reason="ray is not installed")

    def refuse(*_address: object, **_options: object) -> None:
        raise ConnectionError("Could not find any running Ray instance")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(EngineError, match="start one with `ray start --head`, or use --ray local"):
        RayCluster("auto")


def test_ray_client_is_refused() -> None:
    with pytest.raises(ConfigError, match="run the command on a node of the cluster"):
        RayCluster("ray://head:10001")
