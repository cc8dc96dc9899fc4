"""The interface between an engine that renders prompts to token ids and what runs the weights on them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from duetbench.types import Completion, LabelLogprobs, Prompt, Sampling, Status


@dataclass(frozen=True, slots=True)
class TokenizedPrompt:
    """A prompt with its token ids, and constructors for its results."""

    prompt: Prompt
    """Where labels are read, its prefill ends with the answer prefix."""
    ids: tuple[int, ...]
    """Chat template, messages and prefill in tokens, history left out until they fit; never empty in a runner."""
    dropped_history: int = 0
    """Number of history lines that were left out."""
    error: str = ""
    """Why `ids` is empty; empty if the prompt can be served."""

    def completion(self, text: str, n_tokens: int, *, is_ended: bool, sampling: Sampling) -> Completion:
        """The completion of this prompt.

        Args:
            text: What follows the prefill, up to the first stop text and without it.
            n_tokens: Number of generated tokens.
            is_ended: Whether a stop text or an end token ended it; False: the length limit did.
            sampling: As given to `TokenRunner.complete`.
        """
        return Completion(
            text=self.prompt.prefill + text,
            status=_status(text, is_ended, sampling),
            prompt_tokens=len(self.ids),
            completion_tokens=n_tokens,
            dropped_history=self.dropped_history,
        )

    def label_logprobs(self, logprobs: Sequence[float]) -> LabelLogprobs:
        """The labels' log-probabilities after this prompt."""
        return LabelLogprobs(tuple(logprobs), prompt_tokens=len(self.ids), dropped_history=self.dropped_history)

    def failed_completion(self, error: str) -> Completion:
        """The result of a prompt that could not be completed."""
        return Completion(self.prompt.prefill, "error", error=error)

    def failed_label_logprobs(self, error: str) -> LabelLogprobs:
        """The result of a prompt after which no label could be read."""
        return LabelLogprobs((), "error", error=error)


class TokenRunner(ABC):
    """Loaded weights that run on prompts in tokens. A `LocalEngine` calls it batch by batch, see `plan_batches`."""

    @abstractmethod
    def complete(self, prompts: Sequence[TokenizedPrompt], sampling: Sampling) -> list[Completion]:
        """One completion per prompt, same order; see `TokenizedPrompt.completion`.

        The sample of a prompt must depend on `sampling` and the prompt's key alone (see
        `duetbench.engines.sampling`), not on the other prompts.
        """

    @abstractmethod
    def label_logprobs(
        self, prompts: Sequence[TokenizedPrompt], label_ids: Sequence[Sequence[int]]
    ) -> list[LabelLogprobs]:
        """Log-probabilities of some tokens as the next one of each prompt; see `TokenizedPrompt.label_logprobs`.

        A prompt occurs once for every beginning of labels of several tokens, which then ends its `ids`: these rows are
        adjacent and differ in their last tokens alone.

        Args:
            prompts: None without tokens.
            label_ids: For each prompt, the tokens to read: labels, or the next tokens of labels.

        Returns:
            Natural logarithms over the complete vocabulary.
        """

    def close(self) -> None:
        """Frees the weights; nothing is called afterwards."""
        return


def _status(text: str, is_ended: bool, sampling: Sampling) -> Status:
    if sampling.is_slot:
        return "ok"
    if not is_ended:
        return "truncated"
    return "ok" if text.strip() else "empty"
