"""Computes the cells of a run as Slurm jobs: one job for each writer with everything that reads its profiles."""

from __future__ import annotations

import shutil
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from duetbench.cluster.collecting import JobCollector
from duetbench.cluster.grouping import independent_groups
from duetbench.cluster.jobs import JOBS, Job, JobResult, RunSource
from duetbench.cluster.slurm.options import SlurmOptions
from duetbench.errors import EngineError
from duetbench.runner.placement import CellEnd, PlacedWork, Placement
from duetbench.runner.planning.cells import Cell

_POLL = {"slurm": 5.0, "local": 0.2}
"""Seconds between two looks at the jobs; their new answers are stored then."""
LOGS = "slurm"
"""Folder of the jobs' logs within `jobs`; kept after the run."""


class SlurmPlacement(Placement):
    """Submits all cells at once and waits for them. A job that is requeued resumes from its answers and checkpoints.

    Args:
        options: See `SlurmOptions`.
        source: What a job needs to plan the same cells.

    Raises:
        EngineError: this machine cannot submit jobs.
    """

    def __init__(self, options: SlurmOptions, source: RunSource) -> None:
        if options.executor == "slurm" and shutil.which("sbatch") is None:
            raise EngineError(
                "--slurm: there is no sbatch on this machine: run the command on a login node, or try the run out in "
                "processes on this machine with --set slurm.executor=local"
            )
        self._options = options
        self._source = source

    def computed_here(self, cells: Sequence[Cell]) -> Sequence[Cell]:
        return ()  # each job checks what its machine has

    def compute(self, work: PlacedWork) -> Generator[CellEnd, None, None]:
        if not work.cells:
            return
        collector = JobCollector(work, self._source)
        collector.prepare()
        running = self._submit([collector.job(_label(group), group) for group in independent_groups(work.cells)])
        work.progress.print_line(
            f"{len(work.cells)} cells in {len(running)} jobs; logs are in {self._source.folder / JOBS / LOGS}"
        )
        try:
            yield from self._wait(collector, running)
        finally:
            for submitted in running.values():  # after an interrupt
                submitted.handle.cancel(check=False)
                collector.collect(submitted.job)
            collector.close()

    def _submit(self, jobs: Sequence[Job]) -> dict[str, _Submitted]:
        """The submitted jobs by name."""
        from duetbench.cluster.slurm.job import RequeuedJob

        executor = self._executor()
        if self._options.executor == "local":
            return {job.name: _Submitted(job, executor.submit(RequeuedJob(), job)) for job in jobs}
        with executor.batch():  # one job array
            submitted = [executor.submit(RequeuedJob(), job) for job in jobs]
        return {job.name: _Submitted(job, each) for job, each in zip(jobs, submitted, strict=True)}

    def _executor(self) -> Any:
        import submitit

        options = self._options
        logs = self._source.folder / JOBS / LOGS
        if options.executor == "local":
            executor = submitit.LocalExecutor(logs, max_num_timeout=options.requeues)
            executor.update_parameters(timeout_min=options.time_min, gpus_per_node=options.gpus)
            return executor
        executor = submitit.SlurmExecutor(logs, max_num_timeout=options.requeues)
        parameters = {
            "job_name": "duetbench",
            "time": options.time_min,
            "partition": options.partition,
            "account": options.account,
            "qos": options.qos,
            "gpus_per_node": options.gpus or None,
            "cpus_per_task": options.cpus,
            "mem": f"{options.memory_gb}GB" if options.memory_gb else None,
            "array_parallelism": options.jobs,
            "setup": list(options.setup) or None,
            "signal_delay_s": 120,  # time to end the batch in flight
        }
        executor.update_parameters(**{name: value for name, value in parameters.items() if value is not None})
        return executor

    def _wait(self, collector: JobCollector, running: dict[str, _Submitted]) -> Iterator[CellEnd]:
        while running:
            time.sleep(_POLL[self._options.executor])
            for submitted in list(running.values()):
                collector.collect(submitted.job)
                if submitted.handle.done():
                    del running[submitted.job.name]
                    yield from collector.ended(submitted.job, _result(submitted.handle))


@dataclass(frozen=True)
class _Submitted:
    job: Job
    handle: Any
    """The job of submitit."""


def _result(handle: Any) -> JobResult:
    """The result of a job that has ended; one that left none has a fault with its state and its log."""
    if handle.paths.result_pickle.exists():
        error = handle.exception()
        if error is None:
            result: JobResult = handle.result()
            return result
        reason = str(error).strip().splitlines()[-1:] or [""]
        return JobResult({}, f"job {handle.job_id} failed: {reason[0]}; its log is {handle.paths.stderr}")
    return JobResult(
        {}, f"job {handle.job_id} ended as {handle.state} without a result; its log is {handle.paths.stderr}"
    )


def _label(group: Sequence[Cell]) -> str:
    """The beginning of the names of a job's files."""
    writing = group[0].writing
    return f"{writing.trainer.name}-{writing.strategy.name}" if writing else "without-model"
