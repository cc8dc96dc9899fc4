"""An engine behind the request store: each distinct request is computed once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from duetbench.engines.store.database import RequestOutcome, RequestStore, default_store
from duetbench.engines.store.keys import RequestKey, generate_key, labels_key
from duetbench.engines.store.parallel_batches import computed_batches
from duetbench.interfaces import Engine
from duetbench.types import Completion, EngineInfo, LabelLogprobs, ModelRef, Prompt, Sampling

__all__ = ["RequestStore", "StoredEngine", "default_store"]

_T = TypeVar("_T", Completion, LabelLogprobs)
_R = TypeVar("_R")


@dataclass
class ComputeClock:
    """The time in which engines computed what was not stored; several engines may share one."""

    seconds: float = 0.0

    def timed(self, results: Iterable[_R]) -> Iterator[_R]:
        """The results; the time until each of them is added."""
        iterator = iter(results)
        while True:
            started = time.perf_counter()
            try:
                result = next(iterator)
            except StopIteration:
                return
            finally:
                self.seconds += time.perf_counter() - started
            yield result


class StoredEngine(Engine):
    """Answers from the store and computes the rest with an engine; each batch is stored while the next is computed.

    Args:
        engine: Computes what is not stored.
        store: Holds the answers; those whose status is not `ok` are recorded, but never returned as answers.
        on_done: Called with the number of prompts that were just answered.
        clock: Measures the computations; None: nothing is measured.
    """

    name = "stored"
    summary = "answers from the request store and computes the rest with another engine"

    def __init__(
        self,
        engine: Engine,
        store: RequestStore,
        on_done: Callable[[int], None] | None = None,
        *,
        clock: ComputeClock | None = None,
    ) -> None:
        super().__init__(engine.config, model=engine.model)
        self._clock = clock or ComputeClock()
        self._engine = engine
        self._store = store
        self._on_done = on_done

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        info = self.info()
        return self._answer(
            prompts,
            [generate_key(info, prompt, sampling) for prompt in prompts],
            plan=lambda missing: self._engine.batches(missing, sampling.max_tokens),
            compute=lambda batch: self._engine.generate(batch, sampling),
            restore=_completion,
        )

    def label_logprobs(
        self, prompts: Sequence[Prompt], answer_prefix: str, labels: Sequence[str]
    ) -> list[LabelLogprobs]:
        info = self.info()
        return self._answer(
            prompts,
            [labels_key(info, prompt, answer_prefix, labels) for prompt in prompts],
            plan=lambda missing: self._engine.batches(_with_prefix(missing, answer_prefix), 0),
            compute=lambda batch: self._engine.label_logprobs(batch, answer_prefix, labels),
            restore=lambda stored: _label_logprobs(stored, len(labels)),
        )

    def label_fault(self, answer_prefix: str, labels: Sequence[str]) -> str | None:
        return self._engine.label_fault(answer_prefix, labels)

    def batches(self, prompts: Sequence[Prompt], max_tokens: int) -> list[list[int]]:
        return self._engine.batches(prompts, max_tokens)

    def parallel_batches(self) -> int:
        return self._engine.parallel_batches()

    def info(self) -> EngineInfo:
        return self._engine.info()

    def count_tokens(self, text: str) -> int | None:
        return self._engine.count_tokens(text)

    def uncached(self) -> Engine:
        return self._engine.uncached()

    def with_model(self, model: ModelRef) -> Engine:
        """Behind the same store; its prompts are not reported to `on_done`."""
        return StoredEngine(self._engine.with_model(model), self._store, clock=self._clock)

    def close(self) -> None:
        """Closes the engine, not the store, which other engines may use."""
        self._engine.close()

    def _answer(
        self,
        prompts: Sequence[Prompt],
        keys: Sequence[RequestKey],
        *,
        plan: Callable[[Sequence[Prompt]], list[list[int]]],
        compute: Callable[[Sequence[Prompt]], list[_T]],
        restore: Callable[[dict[str, Any]], _T | None],
    ) -> list[_T]:
        restored = {digest: restore(stored or {}) for digest, stored in self._store.get(keys).items()}
        stored_answers = {digest: answer for digest, answer in restored.items() if answer is not None}
        damaged = restored.keys() - stored_answers.keys()
        self._report_done(sum(key.digest in stored_answers for key in keys))
        first_positions = {
            key.digest: position
            for position, key in reversed(list(enumerate(keys)))
            if key.digest not in stored_answers
        }
        missing = sorted(first_positions.values())
        repetitions = _count(key.digest for key in keys)
        computed: dict[str, _T] = {}
        batches = plan([prompts[position] for position in missing]) if missing else []
        results = computed_batches(
            batches,
            lambda batch: compute([prompts[missing[number]] for number in batch]),
            n_parallel=self._engine.parallel_batches(),
        )
        for batch, batch_answers in self._clock.timed(results):
            batch_keys = [keys[missing[number]] for number in batch]
            answers = [
                replace(answer, was_damaged=True) if key.digest in damaged else answer
                for key, answer in zip(batch_keys, batch_answers, strict=True)
            ]
            outcomes = [_outcome(key, answer) for key, answer in zip(batch_keys, answers, strict=True)]
            self._store.put_later(outcomes, damaged=damaged)
            computed.update((key.digest, answer) for key, answer in zip(batch_keys, answers, strict=True))
            self._report_done(sum(repetitions[key.digest] for key in batch_keys))
        self._store.flush()
        return [
            _answer_at(position, key, first_positions, stored_answers, computed) for position, key in enumerate(keys)
        ]

    def _report_done(self, n: int) -> None:
        if self._on_done and n:
            self._on_done(n)


def _answer_at(
    position: int,
    key: RequestKey,
    first_positions: dict[str, int],
    stored_answers: dict[str, _T],
    computed: dict[str, _T],
) -> _T:
    """The answer to one request; of equal requests that were computed now, all but the first count as cached."""
    if key.digest in stored_answers:
        return stored_answers[key.digest]
    answer = computed[key.digest]
    return (
        answer
        if first_positions[key.digest] == position
        else replace(answer, cached=True, was_damaged=False, lost_workers=0)
    )


def _with_prefix(prompts: Sequence[Prompt], answer_prefix: str) -> list[Prompt]:
    return [replace(prompt, prefill=prompt.prefill + answer_prefix) for prompt in prompts]


def _completion(stored: dict[str, Any]) -> Completion | None:
    """The completion in a row of the store; None if the row is damaged."""
    return Completion(**stored, cached=True) if _fits(stored, Completion, text=str, completion_tokens=int) else None


def _label_logprobs(stored: dict[str, Any], n_labels: int) -> LabelLogprobs | None:
    """The log-probabilities in a row of the store; None if the row is damaged."""
    if not _fits(stored, LabelLogprobs, logprobs=list):
        return None
    values = stored.pop("logprobs")
    if len(values) != n_labels or any(type(value) not in (int, float) for value in values):
        return None
    return LabelLogprobs(tuple(map(float, values)), **stored, cached=True)


def _fits(stored: dict[str, Any], result_class: type, **types: type) -> bool:
    """Whether a row has values of these types besides those of every row, and no value that the result lacks."""
    types |= {"prompt_tokens": int, "dropped_history": int}
    known = {field.name for field in fields(result_class)}
    return types.keys() <= stored.keys() <= known and all(type(stored[name]) is kind for name, kind in types.items())


def _count(digests: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for digest in digests:
        counts[digest] = counts.get(digest, 0) + 1
    return counts


def _outcome(key: RequestKey, answer: Completion | LabelLogprobs) -> RequestOutcome:
    if answer.status != "ok":
        return RequestOutcome(key, None, answer.status, answer.error)
    stored: dict[str, Any] = {"prompt_tokens": answer.prompt_tokens, "dropped_history": answer.dropped_history}
    if isinstance(answer, Completion):
        stored |= {"text": answer.text, "completion_tokens": answer.completion_tokens}
    else:
        stored["logprobs"] = list(answer.logprobs)
    return RequestOutcome(key, stored)
