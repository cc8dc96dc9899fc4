"""From prompts and completions to the token ids that are learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from duetbench.training.policy import Policy
from duetbench.types import Prompt


@dataclass
class TargetTokenizer:
    """Tokenizes prompts and completions as the engine would, with the end token that the model has to write.

    Args:
        policy: Its chat template and tokenizer are used.
        stops: The stage's stop texts.
        max_tokens: Maximum length of a completion; the rest of the context is for the prompt.
    """

    policy: Policy
    stops: Sequence[str]
    max_tokens: int
    too_long: int = field(default=0, init=False)
    """Calls of `row` in which the prompt or a completion did not fit."""

    def row(self, prompt: Prompt, *texts: str) -> list[list[int]] | None:
        """The tokens of the prompt and of each completion; None, and counted, if one of them does not fit."""
        encoded = self.policy.encode(prompt, self.max_tokens)
        completions = [self._completion(prompt, encoded.dropped, text) for text in texts] if encoded.ids else []
        # The stop text and the end token come on top of what was sampled.
        if not completions or max(map(len, completions)) > self.max_tokens + 16:
            self.too_long += 1
            return None
        return [list(encoded.ids), *completions]

    def _completion(self, prompt: Prompt, dropped: int, text: str) -> list[int]:
        (ids,) = self.policy.pieces(prompt, dropped, [target_text(prompt, text, self.stops)])
        return [*ids, int(self.policy.chat.tokenizer.eos_token_id)]


def target_text(prompt: Prompt, text: str, stops: Sequence[str]) -> str:
    """The text that the model has to write after the prefill: the completion, with a tag that its stop text cut off.

    Args:
        prompt: The prompt that is completed.
        text: The completion with the prefill, without the stop text.
        stops: The stage's stop texts; a closing tag is appended if its opening tag has not been closed.
    """
    for stop in stops:
        opening = f"<{stop[2:]}" if stop.startswith("</") else ""
        if opening and text.count(opening) > text.count(stop):
            text += stop
            break
    return text.removeprefix(prompt.prefill)
