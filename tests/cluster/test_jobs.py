"""A job computes cells in another process as if it were this one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
from grid_making import logged

from duetbench.cluster.job_answers import KNOWN, NEW, read_answers
from duetbench.cluster.jobs import JOBS, Job, RunSource, run_job
from duetbench.engines.store.database import RequestStore
from duetbench.runner import Plan, RunConfig, run
from duetbench.runner.output.finished import FinishedCells

Configured = Callable[..., RunConfig]
Planned = Callable[[RunConfig], Plan]
Sourced = Callable[[RunConfig], RunSource]


def _job(source: RunSource, plan: Plan, **changes: object) -> Job:
    job = Job(source, "job", tuple(cell.id for cell in plan.cells))
    job.folder.mkdir(parents=True)
    return replace(job, **changes)  # type: ignore[arg-type]


def test_a_job_writes_the_same_predictions_as_a_run(
    config: Configured, planned: Planned, source: Sourced, tmp_path: Path
) -> None:
    settings = config(strategies=("10h", "duet"))
    plan = planned(settings)
    result = run_job(_job(source(settings), plan))
    assert {state for state, _ in result.states.values()} == {"done"}
    run(plan, tmp_path / "local", store=tmp_path / "store.sqlite")
    for cell in plan.cells:
        files = [tmp_path / folder / "cells" / cell.folder / "predictions.parquet" for folder in ("out", "local")]
        assert pl.read_parquet(files[0]).equals(pl.read_parquet(files[1]))


def test_a_job_writes_nothing_that_belongs_to_the_whole_run(
    config: Configured, planned: Planned, source: Sourced, tmp_path: Path
) -> None:
    run_job(_job(source(config()), planned(config())))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["cells", "jobs"]


def test_a_job_asks_for_nothing_that_is_known(
    config: Configured, planned: Planned, source: Sourced, tmp_path: Path
) -> None:
    settings = config(f"logging.log={tmp_path / 'log'}")
    plan = planned(settings)
    run(plan, tmp_path / "local", store=tmp_path / "store.sqlite")
    asked = logged(tmp_path / "log", "labels")
    job = _job(source(settings), plan)
    store = RequestStore(tmp_path / "store.sqlite")
    store.copy_to(job.source.folder / JOBS / KNOWN, {""})
    store.close()
    run_job(job)
    assert logged(tmp_path / "log", "labels") == asked
    assert read_answers(job.folder / NEW)[0] == []


def test_a_job_on_a_machine_that_does_not_see_the_folder_says_so(
    config: Configured, planned: Planned, source: Sourced, tmp_path: Path
) -> None:
    job = replace(_job(source(config()), planned(config())), name="elsewhere")
    assert "must be on a file system that all machines share" in run_job(job).fault


def test_a_job_on_a_machine_with_other_code_or_data_says_so(
    config: Configured, planned: Planned, source: Sourced
) -> None:
    job = _job(source(config()), planned(config()), cells=("other",))
    assert "1 of 1 cells are not in the plan" in run_job(job).fault


def test_a_failing_cell_is_reported_with_its_reason(config: Configured, planned: Planned, source: Sourced) -> None:
    settings = config("logging.dead=true")
    result = run_job(_job(source(settings), planned(settings)))
    assert list(result.states.values()) == [("failed", "the server at nowhere does not answer: start it")]


def test_a_training_job_trains_and_computes_no_cell(
    config: Configured, planned: Planned, source: Sourced, tmp_path: Path
) -> None:
    settings = config(f"counting.log={tmp_path / 'log'}", trainers=("counting",))
    plan = planned(settings)
    assert run_job(_job(source(settings), plan, is_training=True)).fault == ""
    assert len(logged(tmp_path / "log", "trained")) == 1
    cell = plan.cells[0]
    assert not FinishedCells().contains(cell, tmp_path / "out" / "cells" / cell.folder)
    run(plan, tmp_path / "out", store=tmp_path / "store.sqlite")
    assert len(logged(tmp_path / "log", "trained")) == 1
