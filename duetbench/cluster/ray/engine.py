"""An engine whose batches are computed by the workers of a fleet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, TypeVar

from duetbench.cluster.ray.fleet import Fleet, FleetResult
from duetbench.cluster.ray.worker import EngineSpec
from duetbench.digests import canonical_json
from duetbench.engines.store.keys import engine_parts
from duetbench.interfaces import Engine
from duetbench.types import Completion, EngineInfo, LabelLogprobs, ModelRef, Prompt, Sampling

_T = TypeVar("_T", Completion, LabelLogprobs)


class FleetEngine(Engine):
    """Sends each batch to a worker, where the same engine with the same options computes it.

    The workers plan the batches as well: their size may depend on the hardware. So keys, batches and answers are those
    of one such engine in one process.

    Args:
        local: The engine in this process; it counts tokens and loads no weights.
        spec: How workers make it.
        fleet: The workers.
    """

    name = "fleet"
    summary = "the same engine on several machines"

    def __init__(self, local: Engine, spec: EngineSpec, fleet: Fleet) -> None:
        super().__init__(local.config, model=local.model)
        self._local = local
        self._spec = spec
        self._fleet = fleet

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        return _marked(self._fleet.call(self._spec, "generate", list(prompts), sampling, identity=self._identity))

    def label_logprobs(
        self, prompts: Sequence[Prompt], answer_prefix: str, labels: Sequence[str]
    ) -> list[LabelLogprobs]:
        arguments = (list(prompts), answer_prefix, tuple(labels))
        return _marked(self._fleet.call(self._spec, "label_logprobs", *arguments, identity=self._identity))

    def label_fault(self, answer_prefix: str, labels: Sequence[str]) -> str | None:
        fault: str | None = self._fleet.call(self._spec, "label_fault", answer_prefix, tuple(labels)).value
        return fault

    def batches(self, prompts: Sequence[Prompt], max_tokens: int) -> list[list[int]]:
        planned: list[list[int]] = self._fleet.call(self._spec, "batches", list(prompts), max_tokens).value
        return planned

    def parallel_batches(self) -> int:
        return self._fleet.share.workers

    def count_tokens(self, text: str) -> int | None:
        return self._local.count_tokens(text)

    def info(self) -> EngineInfo:
        return self._info

    def with_model(self, model: ModelRef) -> Engine:
        return FleetEngine(self._local.with_model(model), replace(self._spec, model=model), self._fleet)

    def close(self) -> None:
        """Workers close the engines that they use least; the fleet is closed by its owner."""
        self._local.close()

    @cached_property
    def _info(self) -> EngineInfo:
        info: EngineInfo = self._fleet.call(self._spec, "info").value
        settings: dict[str, Any] = {**info.settings, "ray_workers": self._fleet.share.workers}
        return replace(info, model=self.model, settings=settings)

    @cached_property
    def _identity(self) -> str:
        return canonical_json(engine_parts(self._info))


def _marked(result: FleetResult) -> list[_T]:
    """The answers, with the number of workers that were lost while they were computed."""
    answers: list[_T] = result.value
    return [replace(answer, lost_workers=result.lost_workers) for answer in answers] if result.lost_workers else answers
