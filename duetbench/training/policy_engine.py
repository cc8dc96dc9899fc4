"""The transformers engine on weights that are being trained, with the adapter on or off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from duetbench.engines.transformers.engine import TransformersEngine
from duetbench.engines.transformers.model_runner import ModelRunner, TokenizedPrompt
from duetbench.training.policy import Policy
from duetbench.types import Completion, LabelLogprobs, Prompt, Sampling

if TYPE_CHECKING:
    from duetbench.engines.tokens.chat_template import ChatTemplate

_BATCH_TOKENS = {"cpu": 32_768, "cuda": 65_536}
"""Tokens of one batch where labels are read."""


class _PolicyModelRunner(ModelRunner):
    """Runs on a policy's weights instead of loading its own."""

    def __init__(self, policy: Policy, *, trained: bool) -> None:
        self._policy = policy
        self._trained = trained
        self._model = policy.model
        self._chat = policy.chat
        self._ends = policy.ends
        self._pad = policy.chat.pad_id
        self._readings = None  # the weights change under it

    def complete(self, asked: Sequence[TokenizedPrompt], sampling: Sampling) -> list[Completion]:
        with self._policy.running(trained=self._trained) as self._model:
            return super().complete(asked, sampling)

    def close(self) -> None:
        """The weights are the policy's."""


class PolicyEngine(TransformersEngine):
    """The transformers engine on a policy's weights.

    Args:
        policy: Whose weights.
        config: The engine's options.
        trained: True: as they are now; False: with the adapter off.
    """

    name = "live"
    summary = "runs on weights that are being trained"

    def __init__(self, policy: Policy, config: Any, *, trained: bool) -> None:
        super().__init__(config, model=policy.ref)
        self._policy = policy
        self._trained = trained

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        """See the base class. What is asked in training hardly ever comes again: its tokens are not remembered."""
        completions = super().generate(prompts, sampling)
        self._fitted.clear()
        return completions

    def label_logprobs(
        self, prompts: Sequence[Prompt], answer_prefix: str, labels: Sequence[str]
    ) -> list[LabelLogprobs]:
        """See the base class. A round's prompts share long beginnings: each beginning is read once."""
        asked = [replace(prompt, prefill=prompt.prefill + answer_prefix) for prompt in prompts]
        fitted = self._fit_all(asked, 0)
        self._fitted.clear()
        readings = [LabelLogprobs((), "error", error=one.error) for one in fitted]
        rows = [place for place, one in enumerate(fitted) if one.ids]
        if rows:
            numbers = self._read([(asked[place], fitted[place]) for place in rows], labels)
            for place, row in zip(rows, numbers, strict=True):
                one = fitted[place]
                readings[place] = LabelLogprobs(tuple(row), prompt_tokens=len(one.ids), dropped_history=one.dropped)
        return readings

    def _read(self, asked: Sequence[TokenizedPrompt], labels: Sequence[str]) -> list[list[float]]:
        """The labels' log-probabilities after each prompt."""
        import torch

        from duetbench.engines.tokens.labels import label_ids
        from duetbench.engines.transformers.shared_prefixes import next_logits_by_prefix

        columns = {text: label_ids(self._chat, text, labels) for text in {prompt.prefill for prompt, _ in asked}}
        budget = self.config.batch_tokens or _BATCH_TOKENS[self._policy.place.device]
        with self._policy.running(trained=self._trained) as model:
            ids = [fitted.ids for _, fitted in asked]
            logits = next_logits_by_prefix(model, ids, pad=self._chat.pad_id, budget=budget)
        wanted = torch.tensor([columns[prompt.prefill] for prompt, _ in asked], device=logits.device)
        found: list[list[float]] = logits.float().log_softmax(-1).gather(-1, wanted).tolist()
        return found

    @cached_property
    def _runner(self) -> ModelRunner:
        return _PolicyModelRunner(self._policy, trained=self._trained)

    @cached_property
    def _chat(self) -> ChatTemplate:
        return self._policy.chat
