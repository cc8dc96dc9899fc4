"""A job: some cells, or one training, computed by another process that sees the run's folder."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from duetbench.cluster.job_answers import KNOWN, JobStore
from duetbench.errors import DuetbenchError, EngineError
from duetbench.progress import Progress
from duetbench.runner.config.run_config import RunConfig
from duetbench.runner.engine_pool import EnginePool
from duetbench.runner.placement import State
from duetbench.runner.planning.cells import Cell

if TYPE_CHECKING:
    from duetbench.plugins import Plugins
    from duetbench.runner.planning.plan import Plan

JOBS = "jobs"
"""Folder of the running jobs within the folder of a run."""
_CACHE = "DUETBENCH_CACHE"


@dataclass(frozen=True)
class PluginPlaces:
    """Where the plugins of a run are found, on every machine of the cluster."""

    folders: tuple[str, ...] = ()
    """Folders and files of single-file plugins, absolute."""
    blocked: tuple[str, ...] = ()
    """See `DUETBENCH_DISABLE_PLUGINS`."""

    @classmethod
    def of(cls, plugins: Plugins) -> PluginPlaces:
        """Those of a plugin register."""
        return cls(tuple(str(path.resolve()) for path in plugins.folders), tuple(sorted(plugins.blocked_names)))

    def register(self) -> Plugins:
        """The plugin register on this machine."""
        from duetbench.plugins import Plugins

        return Plugins([Path(path) for path in self.folders], {"DUETBENCH_DISABLE_PLUGINS": ",".join(self.blocked)})


@dataclass(frozen=True)
class RunSource:
    """What another process needs in order to plan the same cells. It holds no weights, no data and no secrets."""

    config: RunConfig
    places: PluginPlaces
    folder: Path
    """The run's folder, absolute."""
    working_dir: Path
    """Relative paths in the configuration start here."""
    cache: Path
    """The cache of prepared data and models, used by the job if it exists on its machine."""


@dataclass(frozen=True)
class Job:
    """Cells that one process computes."""

    source: RunSource
    name: str
    """Unique within the run; also the name of its folder in `jobs`."""
    cells: tuple[str, ...]
    """Ids."""
    is_training: bool = False
    """Only the training of its one cell is run."""
    is_forced: bool = False

    @property
    def folder(self) -> Path:
        """Files of the job: its new answers, its logs."""
        return self.source.folder / JOBS / self.name


@dataclass(frozen=True)
class JobResult:
    """How a job ended."""

    states: dict[str, tuple[State, str]]
    """State and reason by cell id; empty if nothing but a training was run."""
    fault: str = ""
    """Why it computed nothing, in one line; empty: it computed its cells."""


class JobProgress(Progress):
    """Prints messages to the job's log."""

    def print_line(self, line: str) -> None:
        print(line, flush=True)


def run_job(job: Job) -> JobResult:
    """Computes the cells of a job, in a process of the cluster. A fault that one line explains is returned."""
    try:
        _enter(job)
        return JobResult({}, _train(job)) if job.is_training else JobResult(dict(_compute(job)))
    except DuetbenchError as error:
        return JobResult({}, " ".join(str(error).split()))


def _enter(job: Job) -> None:
    """Uses the run's working directory and cache.

    Raises:
        EngineError: the run's folder is not visible here.
    """
    if not job.folder.is_dir():
        raise EngineError(
            f"{job.source.folder} is not visible on {platform.node()}: the run's folder must be on a file system that "
            "all machines share; choose another one with --out"
        )
    if job.source.working_dir.is_dir():
        os.chdir(job.source.working_dir)
    if job.source.cache.is_dir():
        os.environ[_CACHE] = str(job.source.cache)


def _plan(job: Job) -> Plan:
    """The plan with only the cells of the job.

    Raises:
        EngineError: code, plugins, data or options differ here, so that the cells are not the same.
    """
    from duetbench.runner.planning.plan import plan

    planned = plan(job.source.config, job.source.places.register())
    by_id = {cell.id: cell for cell in planned.cells}
    if unknown := [cell for cell in job.cells if cell not in by_id]:
        raise EngineError(
            f"{len(unknown)} of {len(job.cells)} cells are not in the plan on {platform.node()}: install the same "
            "version of duetbench and of its plugins there, and prepare the same data"
        )
    return replace(planned, cells=tuple(by_id[cell] for cell in job.cells))


def _compute(job: Job) -> Iterator[tuple[str, tuple[State, str]]]:
    from duetbench.runner.run import compute_cells

    planned = _plan(job)
    progress = JobProgress()
    with _pool(job, progress) as pool:
        outcome = compute_cells(planned, job.source.folder, pool, force=job.is_forced, progress=progress)
    reasons = {cell.id: reason for cell, reason in [*outcome.failures, *outcome.left_out]}
    for cell, state in outcome.states.items():
        yield cell, (state, reasons.get(cell, ""))


def _train(job: Job) -> str:
    """Runs the training of the job's cell; returns why it failed, or nothing."""
    from duetbench.runner.execute import CellExecutor
    from duetbench.runner.output.run_folder import RunFolder
    from duetbench.runner.requirements import check_requirements

    cells: Sequence[Cell] = _plan(job).cells
    progress = JobProgress()
    with _pool(job, progress) as pool:
        check_requirements(cells, pool)
        CellExecutor(RunFolder(job.source.folder), pool, progress).train(cells[0])
    return ""


@contextmanager
def _pool(job: Job, progress: Progress) -> Iterator[EnginePool]:
    """Engines of a job, behind the answers of its folder."""
    pool = EnginePool(
        JobStore(job.source.folder / JOBS / KNOWN, job.folder), on_done=progress.advance, on_progress=progress.status
    )
    try:
        yield pool
    finally:
        pool.close()
