"""The engine `transformers`: runs a model in this process, on a CPU or a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from duetbench.engines.batching import cut_batches
from duetbench.errors import ModelError
from duetbench.interfaces import Engine, option
from duetbench.models.folder import read_json
from duetbench.types import Completion, EngineInfo, LabelLogprobs, ModelRef, Prompt, Sampling

if TYPE_CHECKING:
    from duetbench.engines.tokens.chat_template import ChatTemplate
    from duetbench.engines.tokens.truncation import TruncatedPrompt
    from duetbench.engines.transformers.loading import Placement
    from duetbench.engines.transformers.model_runner import ModelRunner

_BATCH_TOKENS = {"cpu": 8192, "cuda": 65536}
_REMEMBERED = 50_000
"""How many prompts in tokens are kept: cutting into batches and running them need the same ones."""


class TransformersEngine(Engine):
    """Runs a model with transformers. Weights are loaded when they are first needed, not before.

    Answers do not depend on which other prompts share a batch, beyond rounding.
    """

    name = "transformers"
    summary = "runs a model in this process, on a CPU or a GPU"

    @dataclass(frozen=True)
    class Config:
        """Options of the engine."""

        device: Literal["auto", "cpu", "cuda"] = option("auto", "where the model runs; auto: a GPU if there is one")
        dtype: Literal["auto", "float32", "bfloat16", "float16"] = option(
            "auto", "precision; auto: float32 on a CPU, bfloat16 on a GPU"
        )
        batch_tokens: int | None = option(
            None, "tokens of one batch with padding and answers; none: 8192 on a CPU, 65536 on a GPU", ge=1
        )
        max_context: int | None = option(None, "tokens of prompt and answer together; none: what the model can", ge=1)

    def __init__(self, config: Any = None, *, model: ModelRef) -> None:
        super().__init__(config, model=model)
        if model.name.startswith("served:"):
            raise ModelError(f"'{model.name}' runs on a server: ask it there with --engine openai")
        self._fitted: dict[tuple[Any, ...], TruncatedPrompt] = {}

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        """See the base class."""
        fitted = self._fit_all(prompts, sampling.max_tokens)
        found = {place: _failed(prompts[place], one) for place, one in enumerate(fitted) if not one.ids}
        for batch in self._cut(prompts, fitted, sampling.max_tokens):
            rows = [place for place in batch if fitted[place].ids]
            if rows:
                asked = [(prompts[place], fitted[place]) for place in rows]
                found.update(zip(rows, self._runner.complete(asked, sampling), strict=True))
        return [found[place] for place in range(len(prompts))]

    def label_logprobs(
        self, prompts: Sequence[Prompt], answer_prefix: str, labels: Sequence[str]
    ) -> list[LabelLogprobs]:
        """See the base class. One forward pass per batch, of which only the last position's logits are computed."""
        asked = [replace(prompt, prefill=prompt.prefill + answer_prefix) for prompt in prompts]
        fitted = self._fit_all(asked, 0)
        found = {place: _unread(one) for place, one in enumerate(fitted) if not one.ids}
        for batch in self._cut(asked, fitted, 0):
            rows = [place for place in batch if fitted[place].ids]
            if rows:
                readings = self._runner.read_labels([(asked[place], fitted[place]) for place in rows], labels)
                found.update(zip(rows, readings, strict=True))
        return [found[place] for place in range(len(prompts))]

    def batches(self, prompts: Sequence[Prompt], max_tokens: int) -> list[list[int]]:
        """See the base class."""
        return self._cut(prompts, self._fit_all(prompts, max_tokens), max_tokens)

    def info(self) -> EngineInfo:
        """See the base class. Reads small files only: a run that finds everything in the store loads no model."""
        return self._info

    def close(self) -> None:
        """Frees the weights; they are loaded again if they are needed again."""
        runner = self.__dict__.pop("_runner", None)
        if runner is not None:
            runner.close()

    @cached_property
    def _info(self) -> EngineInfo:
        from duetbench.engines.tokens.chat_template import template_digest
        from duetbench.engines.transformers.loading import context_length

        return EngineInfo(
            name=self.name,
            versions=self._versions(),
            model=self.model,
            dtype=self._place.dtype,
            template_digest=template_digest(self._template, self.model.template_args),
            context_length=context_length(
                self.model, read_json(Path(self.model.path) / "config.json"), self.config.max_context
            ),
            labels="exact",
            adapters=True,
            settings=self._settings(),
        )

    def _settings(self) -> dict[str, Any]:
        return {"device": self._place.device, "batch_tokens": self._budget}

    def _versions(self) -> dict[str, str]:
        from duetbench.engines.transformers.loading import versions

        return versions(self.model)

    @cached_property
    def _place(self) -> Placement:
        from duetbench.engines.transformers.loading import choose_placement

        return choose_placement(self.config.device, self.config.dtype)

    @cached_property
    def _template(self) -> str:
        from duetbench.engines.tokens.chat_template import template_of

        return template_of(Path(self.model.path))

    @cached_property
    def _chat(self) -> ChatTemplate:
        from duetbench.engines.tokens.chat_template import ChatTemplate
        from duetbench.engines.transformers.loading import load_tokenizer

        return ChatTemplate(load_tokenizer(self.model), self._template, self.model.template_args)

    @cached_property
    def _runner(self) -> ModelRunner:
        from duetbench.engines.transformers.model_runner import ModelRunner

        return ModelRunner(self.model, self._place, self._chat, remembered=self._budget)

    def _cut(self, prompts: Sequence[Prompt], fitted: Sequence[TruncatedPrompt], max_tokens: int) -> list[list[int]]:
        sizes = [(len(one.ids), prompt.key) for prompt, one in zip(prompts, fitted, strict=True)]
        return cut_batches(sizes, max_tokens=max_tokens, budget=self._budget)

    @property
    def _budget(self) -> int:
        return int(self.config.batch_tokens or _BATCH_TOKENS[self._place.device])

    def _fit_all(self, prompts: Sequence[Prompt], max_tokens: int) -> list[TruncatedPrompt]:
        room = self.info().context_length - max_tokens
        if len(self._fitted) + len(prompts) > _REMEMBERED:
            self._fitted.clear()
        return [self._fit(prompt, room) for prompt in prompts]

    def _fit(self, prompt: Prompt, room: int) -> TruncatedPrompt:
        from duetbench.engines.tokens.truncation import truncate

        key = (prompt.messages, prompt.prefill, room)
        if key not in self._fitted:
            self._fitted[key] = truncate(prompt, self._chat, room=room)
        return self._fitted[key]


def _failed(prompt: Prompt, fitted: TruncatedPrompt) -> Completion:
    return Completion(prompt.prefill, "error", error=fitted.error)


def _unread(fitted: TruncatedPrompt) -> LabelLogprobs:
    return LabelLogprobs((), "error", error=fitted.error)
