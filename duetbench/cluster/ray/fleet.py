"""A fleet of workers on Ray: each call goes to a free one; if that is lost, the call is made again by another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from duetbench.cluster.ray.connection import RayCluster, Share
from duetbench.cluster.ray.options import RayOptions
from duetbench.cluster.ray.worker import EngineSpec, EngineWorker, Verb, WorkerFault
from duetbench.errors import EngineError

_POLL = 0.05
"""Seconds between two looks at workers that are starting."""
_COMPUTING: tuple[Verb, ...] = ("generate", "label_logprobs")
"""Methods that need all workers; for the others one is enough."""


@dataclass(frozen=True)
class FleetResult:
    """The result of a call."""

    value: Any
    lost_workers: int
    """Number of workers that were lost while they computed it."""


class Fleet:
    """Workers, started when they are first needed. Threads may call it at the same time.

    Args:
        cluster: Where they run.
        options: Number and resources of the workers, attempts per call.
        on_event: Called with a message when a worker is lost.
    """

    def __init__(self, cluster: RayCluster, options: RayOptions, on_event: Callable[[str], None]) -> None:
        self.share: Share = cluster.share(options)
        self._options = options
        self._on_event = on_event
        self._condition = threading.Condition()
        self._free: list[_Worker] = []
        self._busy: list[_Worker] = []
        self._starting: dict[Any, _Worker] = {}
        """Workers by the reference to their first sign of life."""
        self._n_closed = 0

    def call(self, spec: EngineSpec, verb: Verb, *arguments: Any, identity: str = "") -> FleetResult:
        """The result of an engine's method, computed by one of the workers.

        Args:
            spec: The engine.
            verb: The method.
            arguments: Its arguments.
            identity: See `EngineWorker.call`.

        Raises:
            EngineError: the engine raised it, the workers that tried were all lost, or no worker is available.
        """
        from ray.exceptions import NodeDiedError, ObjectLostError, OutOfMemoryError, RayActorError, WorkerCrashedError

        n_closed, reason = self._n_closed, ""
        for attempt in range(self._options.attempts):
            worker = self._acquire(self.share.workers if verb in _COMPUTING else 1, n_closed)
            try:
                value = _get(worker.actor.call.remote(spec, verb, arguments, identity))
            except (RayActorError, ObjectLostError, WorkerCrashedError, NodeDiedError, OutOfMemoryError) as error:
                reason = " ".join(str(error).split())[:200]
                self._lost(worker, n_closed)
                continue
            except BaseException:
                self._release(worker)
                raise
            self._release(worker)
            if isinstance(value, WorkerFault):
                raise EngineError(value.message)
            return FleetResult(value, attempt)
        raise EngineError(
            f"{self._options.attempts} Ray workers in a row were lost while they computed one batch ({reason}); if it "
            "is for lack of memory, lower the engine's batch_tokens; if nodes are unstable, raise ray.attempts"
        )

    def processes(self) -> list[tuple[str, int]]:
        """Machine and process id of the workers that are free now."""
        with self._condition:
            self._collect_started()
            free = list(self._free)
        return [_get(worker.actor.ping.remote()) for worker in free]

    def close(self) -> None:
        """Ends all workers; calls in progress fail. A later call starts new ones."""
        import ray

        with self._condition:
            self._n_closed += 1
            workers = [*self._free, *self._busy, *self._starting.values()]
            self._free, self._busy, self._starting = [], [], {}
            self._condition.notify_all()
        for worker in workers:
            ray.kill(worker.actor)

    def _acquire(self, n_wanted: int, n_closed: int) -> _Worker:
        """A free worker, as soon as there is one; at least `n_wanted` are started."""
        with self._condition:
            deadline = time.monotonic() + self._options.wait
            while True:
                if self._n_closed != n_closed:
                    raise EngineError("the Ray workers were ended")
                self._start(n_wanted)
                self._collect_started()
                if self._free:
                    self._busy.append(self._free.pop())
                    return self._busy[-1]
                if self._busy:
                    deadline = time.monotonic() + self._options.wait
                elif time.monotonic() > deadline:
                    raise EngineError(
                        f"no Ray worker with {self.share.cpus:g} CPUs and {self.share.gpus:g} GPUs was available for "
                        f"{self._options.wait:g} s: `ray status` shows what the cluster has and who uses it"
                    )
                self._condition.wait(_POLL)

    def _start(self, n_wanted: int) -> None:
        for _ in range(n_wanted - len(self._free) - len(self._busy) - len(self._starting)):
            self._expect(_Worker(self._create()))

    def _create(self) -> Any:
        """A new actor. Ray restarts it after a crash; calls are repeated here, by whichever worker is free."""
        import ray

        return (
            ray.remote(EngineWorker)
            .options(
                num_cpus=self.share.cpus,
                num_gpus=self.share.gpus,
                max_restarts=-1,
                max_task_retries=0,
                scheduling_strategy="SPREAD",
            )
            .remote()
        )

    def _expect(self, worker: _Worker) -> None:
        self._starting[worker.actor.ping.remote()] = worker

    def _collect_started(self) -> None:
        """Frees the workers that are ready; one that will not be restarted is replaced."""
        import ray
        from ray.exceptions import ActorUnavailableError, RayActorError

        if not self._starting:
            return
        answered, _ = ray.wait(list(self._starting), num_returns=len(self._starting), timeout=0)
        for reference in answered:
            worker = self._starting.pop(reference)
            try:
                _get(reference)
            except ActorUnavailableError:
                self._expect(worker)
            except RayActorError:
                worker.actor = self._create()
                self._expect(worker)
            else:
                self._free.append(worker)

    def _release(self, worker: _Worker) -> None:
        with self._condition:
            if worker in self._busy:
                self._busy.remove(worker)
                self._free.append(worker)
            self._condition.notify_all()

    def _lost(self, worker: _Worker, n_closed: int) -> None:
        with self._condition:
            if self._n_closed != n_closed:
                return
            self._busy.remove(worker)
            self._expect(worker)
        self._on_event("a Ray worker was lost; its batch is computed again")


@dataclass(eq=False)
class _Worker:
    actor: Any


def _get(reference: Any) -> Any:
    import ray

    return ray.get(reference)
