"""Results of jobs join the run as if they were computed here."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path

from grid_making import logged

from duetbench.cluster.collecting import JobCollector
from duetbench.cluster.grouping import independent_groups
from duetbench.cluster.jobs import JobResult, RunSource, run_job
from duetbench.errors import TrainingError
from duetbench.records import read_record
from duetbench.runner import Plan, RunConfig, run
from duetbench.runner.placement import CellEnd, PlacedWork, Placement

Configured = Callable[..., RunConfig]
Planned = Callable[[RunConfig], Plan]
Sourced = Callable[[RunConfig], RunSource]


class JobsInThisProcess(Placement):
    """Runs every group of cells as a job."""

    def __init__(self, source: RunSource, end: Callable[[JobResult], JobResult] = lambda result: result) -> None:
        self._source = source
        self._end = end

    def compute(self, work: PlacedWork) -> Generator[CellEnd, None, None]:
        collector = JobCollector(work, self._source)
        collector.prepare()
        for group in independent_groups(work.cells):
            job = collector.job("job", group)
            yield from collector.ended(job, self._end(run_job(job)))
        collector.close()


def test_states_answers_and_the_board_are_those_of_a_local_run(
    config: Configured, planned: Planned, source: Sourced, tmp_path: Path
) -> None:
    settings = config(f"logging.log={tmp_path / 'log'}", strategies=("10h", "duet", "broken"))
    plan = planned(settings)
    store = tmp_path / "store.sqlite"
    outcome = run(plan, tmp_path / "out", store=store, placement=JobsInThisProcess(source(settings)))
    assert (outcome.count("done"), outcome.count("failed")) == (2, 1)
    asked = logged(tmp_path / "log", "labels")
    local = run(plan, tmp_path / "local", store=store)
    assert (local.count("done"), local.count("failed")) == (2, 1)
    assert logged(tmp_path / "log", "labels") == asked  # the answers of the jobs are in the store
    assert [reason.partition(" (")[0] for _, reason in outcome.failures] == [
        reason.partition(" (")[0] for _, reason in local.failures
    ]
    for cell in plan.cells:
        records = [read_record(tmp_path / folder / "cells" / cell.folder) for folder in ("out", "local")]
        assert records[0].metrics == records[1].metrics
    assert not any((tmp_path / "out" / "jobs").iterdir())


def test_finished_cells_are_found_and_not_submitted(
    config: Configured, planned: Planned, source: Sourced, tmp_path: Path
) -> None:
    plan = planned(config())
    run(plan, tmp_path / "out", store=tmp_path / "store.sqlite")
    outcome = run(plan, tmp_path / "out", placement=JobsInThisProcess(source(config())), store=tmp_path / "s.sqlite")
    assert outcome.count("found") == 1


def test_a_lost_job_fails_its_unfinished_cells_alone(
    config: Configured, planned: Planned, source: Sourced, tmp_path: Path
) -> None:
    settings = config(strategies=("10h", "broken"))

    def lost(_result: JobResult) -> JobResult:
        return JobResult({}, "the node is gone")

    placement = JobsInThisProcess(source(settings), lost)
    outcome = run(planned(settings), tmp_path / "out", store=tmp_path / "store.sqlite", placement=placement)
    assert (outcome.count("done"), outcome.count("failed")) == (1, 1)
    assert [reason for _, reason in outcome.failures] == ["the node is gone"]


class FailedTrainings(Placement):
    """Every training has failed elsewhere."""

    def compute(self, work: PlacedWork) -> Generator[CellEnd, None, None]:
        for cell in work.cells:
            work.failed_trainings[str(cell.training_id)] = TrainingError("no GPU there")
        yield from ()


def test_a_training_that_failed_elsewhere_is_not_tried_here(
    config: Configured, planned: Planned, tmp_path: Path
) -> None:
    plan = planned(config(f"counting.log={tmp_path / 'log'}", trainers=("counting",)))
    outcome = run(plan, tmp_path / "out", store=tmp_path / "store.sqlite", placement=FailedTrainings())
    assert [reason for _, reason in outcome.failures] == ["no GPU there"]
    assert logged(tmp_path / "log") == []
