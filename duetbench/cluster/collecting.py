"""The driver's view of running jobs: their folders, their answers, and how their cells ended."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence

from duetbench.cluster.job_answers import NEW, read_answers
from duetbench.cluster.jobs import JOBS, KNOWN, Job, JobResult, RunSource
from duetbench.digests import digest_of_value
from duetbench.engines.store.database import RequestStore
from duetbench.errors import DuetbenchError
from duetbench.runner.output.finished import FinishedCells
from duetbench.runner.output.run_folder import cell_folder
from duetbench.runner.placement import CellEnd, PlacedWork
from duetbench.runner.planning.cells import Cell


class JobCollector:
    """Prepares the folders of jobs and stores their answers, while they run and after they have ended.

    A job's folder is named after its cells: the answers of a job that was interrupted are those with which the same job
    starts in the next run.

    Args:
        work: What is computed.
        source: See `RunSource`.
    """

    def __init__(self, work: PlacedWork, source: RunSource) -> None:
        self._work = work
        self._source = source
        self._cells = {cell.id: cell for cell in work.cells}
        self._read: dict[str, int] = {}
        """How much of each job's log is stored, in bytes."""

    @property
    def _store(self) -> RequestStore:
        return self._work.pool.store

    def prepare(self) -> None:
        """Copies the known answers for the models of the run, for all jobs."""
        (self._source.folder / JOBS).mkdir(exist_ok=True)
        self._store.copy_to(self._source.folder / JOBS / KNOWN, set(self._models()))

    def _models(self) -> Iterator[str]:
        """What identifies the models in the request store; a model that cannot be resolved fails in its job."""
        for writing in (cell.writing for cell in self._work.cells):
            for choice in (
                [writing.model, *([writing.scorer_engine.model] if writing.scorer_engine else [])] if writing else []
            ):
                try:
                    model = self._work.pool.model(choice)
                except DuetbenchError:
                    continue
                yield model.digest or f"{model.name} served as"

    def job(self, label: str, cells: Sequence[Cell], *, is_training: bool = False) -> Job:
        """A job with an empty folder, or with the one that an interrupted run has left."""
        ids = tuple(cell.id for cell in cells)
        name = f"{label}-{digest_of_value([*ids, is_training])[:8]}"
        job = Job(self._source, name, ids, is_training, self._work.is_forced)
        job.folder.mkdir(exist_ok=True)
        return job

    def collect(self, job: Job) -> None:
        """Stores the answers that a job has computed since the last call."""
        outcomes, self._read[job.name] = read_answers(job.folder / NEW, self._read.get(job.name, 0))
        if outcomes:
            self._store.put(outcomes)

    def ended(self, job: Job, result: JobResult) -> Iterator[CellEnd]:
        """Stores the rest of a job's answers, removes its folder, and yields how its cells ended."""
        self.collect(job)
        shutil.rmtree(job.folder, ignore_errors=True)
        yield from self._ends(job, result)

    def close(self) -> None:
        """Removes what only running jobs need."""
        for file in (self._source.folder / JOBS).glob(f"{KNOWN}*"):  # the copy and its lock
            file.unlink(missing_ok=True)

    def _ends(self, job: Job, result: JobResult) -> Iterator[CellEnd]:
        if job.is_training:
            return
        for cell_id in job.cells:
            cell = self._cells[cell_id]
            if cell_id in result.states:
                yield CellEnd(cell, *result.states[cell_id])
            elif FinishedCells().contains(cell, cell_folder(self._source.folder, cell)):
                yield CellEnd(cell, "done")  # computed before its job was lost
            else:
                yield CellEnd(cell, "failed", result.fault)


def trainings_in_order(cells: Sequence[Cell]) -> Mapping[str, Cell]:
    """A cell for each training, by the training's id; a training whose tokens bound another one comes before it."""
    trainings: dict[str, Cell] = {}
    for cell in cells:
        reference = cell.control.reference if cell.control else None
        for needed in (reference, cell):
            if needed and needed.training_id:
                trainings.setdefault(needed.training_id, needed)
    return trainings
