"""Computes a run on a Ray cluster: batches on a fleet of engines, trainings and cells without a model as tasks."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from duetbench.cluster.collecting import JobCollector, trainings_in_order
from duetbench.cluster.jobs import Job, JobResult, RunSource, run_job
from duetbench.cluster.ray.connection import RayCluster
from duetbench.cluster.ray.engine import FleetEngine
from duetbench.cluster.ray.fleet import Fleet
from duetbench.cluster.ray.options import RayOptions
from duetbench.cluster.ray.worker import EngineSpec
from duetbench.errors import ConfigError, TrainingError
from duetbench.interfaces import Engine
from duetbench.runner.placement import CellEnd, PlacedWork, Placement
from duetbench.runner.planning.cells import Cell, PluginChoice
from duetbench.types import ModelRef

_POLL = 0.5
"""Seconds between two looks at running tasks; their new answers are stored then."""


class RayPlacement(Placement):
    """Trainings and cells without a model run first, as tasks; then this process computes the others on the fleet.

    Not at the same time: the workers of the fleet would hold the resources that a training waits for.

    Args:
        cluster: Where the work is done.
        options: See `RayOptions`.
        source: What other machines need to plan the same cells.
        on_event: Called with a message when a worker is lost.
    """

    def __init__(
        self, cluster: RayCluster, options: RayOptions, source: RunSource, on_event: Callable[[str], None]
    ) -> None:
        self._cluster = cluster
        self._options = options
        self._source = source
        self._fleet = Fleet(cluster, options, on_event)

    def check(self, cells: Sequence[Cell]) -> None:
        if cells and not any(self._has_effect(cell) for cell in cells):
            raise ConfigError(
                [
                    "--ray: no effect: the models of this run are on servers, which batch requests themselves, and "
                    "nothing else runs as a task; leave it out"
                ]
            )

    def _has_effect(self, cell: Cell) -> bool:
        is_task = cell.writing is None or cell.writing.training is not None
        return (self._options.tasks and is_task) or (
            cell.writing is not None and not _is_served(cell.writing.model.name)
        )

    def engine(self, choice: PluginChoice, model: ModelRef) -> Engine:
        local: Engine = choice.make(model=model)
        if _is_served(model.name):
            return local
        code = str(choice.describe()["code"])
        spec = EngineSpec(choice.name, asdict(choice.config), code, model, self._source.places)
        return FleetEngine(local, spec, self._fleet)

    def computed_here(self, cells: Sequence[Cell]) -> Sequence[Cell]:
        return [cell for cell in cells if cell.writing or not self._options.tasks]

    def compute(self, work: PlacedWork) -> Generator[CellEnd, None, None]:
        trainings = trainings_in_order(work.cells)
        free = [cell for cell in work.cells if cell.writing is None]
        if not self._options.tasks or not (trainings or free):
            return
        self._fleet.close()  # its idle workers would hold the resources that a training waits for
        collector = JobCollector(work, self._source)
        collector.prepare()
        work.progress.status(f"{len(trainings)} trainings and {len(free)} cells without a model run on Ray")
        try:
            running = self._submit(collector, trainings, free)
            yield from self._wait(collector, running, work)
        finally:
            collector.close()

    def _submit(self, collector: JobCollector, trainings: Mapping[str, Cell], free: Sequence[Cell]) -> dict[Any, _Task]:
        """The running tasks by the reference to their result."""
        import ray

        share, retries = self._fleet.share, self._options.attempts - 1
        train = ray.remote(_run_after).options(num_cpus=share.cpus, num_gpus=share.gpus, max_retries=retries)
        compute = ray.remote(_run_after).options(num_cpus=min(1.0, share.cpus), num_gpus=0, max_retries=retries)
        references: dict[str, Any] = {}
        running: dict[Any, _Task] = {}
        for training_id, cell in trainings.items():
            job = collector.job("training", [cell], is_training=True)
            reference = cell.control.reference if cell.control else None
            earlier = references[str(reference.training_id)] if reference else None
            references[training_id] = train.remote(job, earlier)
            running[references[training_id]] = _Task(job, training_id)
        for cell in free:
            job = collector.job(cell.scorer.name, [cell])
            running[compute.remote(job, None)] = _Task(job)
        return running

    def _wait(self, collector: JobCollector, running: dict[Any, _Task], work: PlacedWork) -> Iterator[CellEnd]:
        import ray

        try:
            while running:
                ended, _ = ray.wait(list(running), num_returns=1, timeout=_POLL)
                for task in running.values():
                    collector.collect(task.job)
                for reference in ended:
                    task, result = running.pop(reference), _result(reference)
                    yield from collector.ended(task.job, result)
                    if task.training_id and result.fault:
                        work.failed_trainings[task.training_id] = TrainingError(result.fault)
        finally:
            for reference, task in running.items():  # after an interrupt
                ray.cancel(reference, force=True)
                collector.collect(task.job)

    def close(self) -> None:
        self._fleet.close()
        self._cluster.close()


@dataclass(frozen=True)
class _Task:
    job: Job
    training_id: str = ""
    """Empty: it computes a cell."""


def _run_after(job: Job, _earlier: JobResult | None) -> JobResult:
    """The result of a job, run as soon as the one is there on which it depends."""
    return run_job(job)


def _result(reference: Any) -> JobResult:
    import ray

    try:
        result: JobResult = ray.get(reference)
    except ray.exceptions.RayError as error:
        return JobResult({}, f"its Ray task ended with {type(error).__name__}: {' '.join(str(error).split())[-300:]}")
    return result


def _is_served(model: str) -> bool:
    return model.startswith("served:")
