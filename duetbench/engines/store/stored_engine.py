"""An engine behind the request store: each distinct request is computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from duetbench.engines.store.database import RequestOutcome, RequestStore, default_store
from duetbench.engines.store.keys import RequestKey, generate_key, labels_key
from duetbench.interfaces import Engine
from duetbench.types import Completion, EngineInfo, LabelLogprobs, ModelRef, Prompt, Sampling

__all__ = ["RequestStore", "StoredEngine", "default_store"]

_T = TypeVar("_T", Completion, LabelLogprobs)


class StoredEngine(Engine):
    """Answers from the store and computes the rest with an engine; each batch is stored as soon as it is done.

    Args:
        engine: Computes what is not stored.
        store: Holds the answers; those whose status is not `ok` are recorded, but never returned as answers.
        on_done: Called with the number of prompts that were just answered.
    """

    name = "stored"
    summary = "answers from the request store and computes the rest with another engine"

    def __init__(self, engine: Engine, store: RequestStore, on_done: Callable[[int], None] | None = None) -> None:
        super().__init__(engine.config, model=engine.model)
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
            restore=lambda stored: Completion(**stored, cached=True),
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
            restore=lambda stored: LabelLogprobs(tuple(stored["logprobs"]), **_without_logprobs(stored), cached=True),
        )

    def label_fault(self, answer_prefix: str, labels: Sequence[str]) -> str | None:
        return self._engine.label_fault(answer_prefix, labels)

    def batches(self, prompts: Sequence[Prompt], max_tokens: int) -> list[list[int]]:
        return self._engine.batches(prompts, max_tokens)

    def info(self) -> EngineInfo:
        return self._engine.info()

    def count_tokens(self, text: str) -> int | None:
        return self._engine.count_tokens(text)

    def uncached(self) -> Engine:
        return self._engine.uncached()

    def with_model(self, model: ModelRef) -> Engine:
        """Behind the same store; its prompts are not reported to `on_done`."""
        return StoredEngine(self._engine.with_model(model), self._store)

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
        restore: Callable[[dict[str, Any]], _T],
    ) -> list[_T]:
        stored_answers = {digest: restore(stored) for digest, stored in self._store.get(keys).items()}
        self._report_done(sum(key.digest in stored_answers for key in keys))
        first_positions = {
            key.digest: position
            for position, key in reversed(list(enumerate(keys)))
            if key.digest not in stored_answers
        }
        missing = sorted(first_positions.values())
        repetitions = _count(key.digest for key in keys)
        computed: dict[str, _T] = {}
        for batch in plan([prompts[position] for position in missing]) if missing else []:
            positions = [missing[number] for number in batch]
            answers = compute([prompts[position] for position in positions])
            batch_keys = [keys[position] for position in positions]
            self._store.put([_outcome(key, answer) for key, answer in zip(batch_keys, answers, strict=True)])
            computed.update((key.digest, answer) for key, answer in zip(batch_keys, answers, strict=True))
            self._report_done(sum(repetitions[key.digest] for key in batch_keys))
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
    return answer if first_positions[key.digest] == position else replace(answer, cached=True)


def _with_prefix(prompts: Sequence[Prompt], answer_prefix: str) -> list[Prompt]:
    return [replace(prompt, prefill=prompt.prefill + answer_prefix) for prompt in prompts]


def _without_logprobs(stored: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in stored.items() if name != "logprobs"}


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
