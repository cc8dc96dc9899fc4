"""The transformers engine on the weights of a policy, with the adapter on or off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from duetbench.engines.transformers.engine import TransformersEngine
from duetbench.engines.transformers.model_runner import ModelRunner, TokenizedPrompt
from duetbench.interfaces import Engine
from duetbench.training.policy import Policy
from duetbench.types import Completion, LabelLogprobs, Prompt, Sampling

if TYPE_CHECKING:
    from duetbench.engines.tokens.chat_template import ChatTemplate

_BATCH_TOKENS = {"cpu": 32_768, "cuda": 65_536}
"""Tokens per batch when label probabilities are read, by device."""


def policy_engine(policy: Policy, *, trained: bool) -> Engine:
    """An engine that runs on the weights of a policy.

    Args:
        policy: The policy.
        trained: True: the current weights; False: the initial weights, with the adapter off. The latter needs an
            adapter.
    """
    return PolicyEngine(policy, policy.engine_config, trained=trained)


class _PolicyModelRunner(ModelRunner):
    """Runs on a policy's weights instead of loading its own."""

    def __init__(self, policy: Policy, *, trained: bool) -> None:
        self._policy = policy
        self._trained = trained
        self._model = policy.model
        self._chat = policy.chat
        self._ends = policy.ends
        self._pad = policy.chat.pad_id
        self._readings = None  # no prefix cache: the weights change

    def complete(self, asked: Sequence[TokenizedPrompt], sampling: Sampling) -> list[Completion]:
        with self._policy.running(trained=self._trained) as self._model:
            return super().complete(asked, sampling)

    def close(self) -> None:
        """Frees nothing: the weights belong to the policy."""


class PolicyEngine(TransformersEngine):
    """The transformers engine on a policy's weights.

    Args:
        policy: The policy.
        config: Options of the engine.
        trained: True: the current weights; False: the adapter is off.
    """

    name = "policy"
    summary = "runs on weights that are being trained"

    def __init__(self, policy: Policy, config: Any, *, trained: bool) -> None:
        super().__init__(config, model=policy.ref)
        self._policy = policy
        self._trained = trained

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        """One completion per prompt. Tokenized prompts are not kept: prompts of a training rarely recur."""
        completions = super().generate(prompts, sampling)
        self._fitted.clear()
        return completions

    def label_logprobs(
        self, prompts: Sequence[Prompt], answer_prefix: str, labels: Sequence[str]
    ) -> list[LabelLogprobs]:
        """The labels' log-probabilities after each prompt. Each prefix that prompts share is read once."""
        prefilled = [replace(prompt, prefill=prompt.prefill + answer_prefix) for prompt in prompts]
        fitted = self._fit_all(prefilled, 0)
        self._fitted.clear()
        logprobs = [LabelLogprobs((), "error", error=tokens.error) for tokens in fitted]
        readable = [position for position, tokens in enumerate(fitted) if tokens.ids]
        if readable:
            rows = self._read([(prefilled[position], fitted[position]) for position in readable], labels)
            for position, row in zip(readable, rows, strict=True):
                tokens = fitted[position]
                logprobs[position] = LabelLogprobs(
                    tuple(row), prompt_tokens=len(tokens.ids), dropped_history=tokens.dropped
                )
        return logprobs

    def _read(self, prompts: Sequence[TokenizedPrompt], labels: Sequence[str]) -> list[list[float]]:
        """The labels' log-probabilities after each tokenized prompt."""
        import torch

        from duetbench.engines.tokens.labels import label_ids
        from duetbench.engines.transformers.shared_prefixes import next_logits_by_prefix

        columns = {text: label_ids(self._chat, text, labels) for text in {prompt.prefill for prompt, _ in prompts}}
        budget = self.config.batch_tokens or _BATCH_TOKENS[self._policy.placement.device]
        with self._policy.running(trained=self._trained) as model:
            ids = [tokens.ids for _, tokens in prompts]
            logits = next_logits_by_prefix(model, ids, pad=self._chat.pad_id, budget=budget)
        labels_of = torch.tensor([columns[prompt.prefill] for prompt, _ in prompts], device=logits.device)
        rows: list[list[float]] = logits.float().log_softmax(-1).gather(-1, labels_of).tolist()  # (prompts, labels)
        return rows

    @cached_property
    def _runner(self) -> ModelRunner:
        return _PolicyModelRunner(self._policy, trained=self._trained)

    @cached_property
    def _chat(self) -> ChatTemplate:
        return self._policy.chat
