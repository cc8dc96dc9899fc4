"""The transformers engine on the weights of a policy, for evaluation and for scoring during training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from duetbench.engines.token_runner import TokenizedPrompt, TokenRunner
from duetbench.engines.transformers.engine import TransformersEngine
from duetbench.engines.transformers.model_runner import ModelRunner, logprobs_of_labels
from duetbench.interfaces import Engine
from duetbench.training.policy import Policy
from duetbench.types import Completion, LabelLogprobs, Sampling

if TYPE_CHECKING:
    from duetbench.engines.tokens.chat_template import ChatTemplate

_LABEL_BATCH_TOKENS = {"cpu": 32_768, "cuda": 65_536}
"""Tokens per batch when label probabilities are read, by device."""


def policy_engine(policy: Policy, *, trained: bool) -> Engine:
    """An engine that runs on the weights of a policy.

    Args:
        policy: The policy.
        trained: True: the current weights; False: the initial weights, with the adapter off. The latter needs an
            adapter.
    """
    return PolicyEngine(policy, policy.engine_config, trained=trained)


class PolicyRunner(TokenRunner):
    """Runs a policy's weights as they are at each call.

    Args:
        policy: Its weights are used, not copied.
        trained: True: the current weights; False: with the adapter off.
        label_budget: Tokens per batch when label probabilities are read.
    """

    def __init__(self, policy: Policy, *, trained: bool, label_budget: int) -> None:
        self._policy = policy
        self._trained = trained
        self._label_budget = label_budget

    def complete(self, prompts: Sequence[TokenizedPrompt], sampling: Sampling) -> list[Completion]:
        # No prefix cache: it is valid for one set of weights.
        with self._policy.running(trained=self._trained) as model:
            return ModelRunner(model, self._policy.chat, self._policy.ends).complete(prompts, sampling)

    def label_logprobs(
        self, prompts: Sequence[TokenizedPrompt], label_ids: Sequence[Sequence[int]]
    ) -> list[LabelLogprobs]:
        """The prompts of a rollout share long prefixes, each of which is computed once."""
        from duetbench.engines.transformers.shared_prefixes import next_logits_by_prefix

        pad, budget = self._policy.chat.pad_id, self._label_budget
        with self._policy.running(trained=self._trained) as model:
            logits = next_logits_by_prefix(model, [prompt.ids for prompt in prompts], pad=pad, budget=budget)
        return logprobs_of_labels(logits, prompts, label_ids)


class PolicyEngine(TransformersEngine):
    """The transformers engine on a policy's weights.

    Args:
        policy: Its weights are used, not copied.
        config: The options of the transformers engine.
        trained: True: the current weights; False: with the adapter off.
    """

    name = "policy"
    summary = "runs on weights that are being trained"
    prompt_cache_size = 0  # a training rarely repeats a prompt

    def __init__(self, policy: Policy, config: Any, *, trained: bool) -> None:
        super().__init__(config, model=policy.ref)
        self._policy = policy
        self._trained = trained

    def create_runner(self) -> TokenRunner:
        budget = self.config.batch_tokens or _LABEL_BATCH_TOKENS[self._policy.placement.device]
        return PolicyRunner(self._policy, trained=self._trained, label_budget=budget)

    def load_chat(self) -> ChatTemplate:
        return self._policy.chat

    def dtype(self) -> str:
        dtype: str = self._policy.placement.dtype
        return dtype

    def plan_batches(self, prompts: Sequence[TokenizedPrompt], max_tokens: int) -> list[list[int]]:
        """Where labels are read, one batch: the runner splits it by common prefixes."""
        return super().plan_batches(prompts, max_tokens) if max_tokens else [list(range(len(prompts)))]
