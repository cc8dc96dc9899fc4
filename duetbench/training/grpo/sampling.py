"""Draws completions from a model that is being trained: token by token, with the draw decided by one seed.

A prompt is read once for all of its samples. The random numbers come from a generator of their own, so that a resumed
training draws what an undisturbed one would have drawn, whatever else used torch's global generator in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from duetbench.engines.transformers.decoding import GeneratedTokens, left_padded
from duetbench.errors import TrainingError

if TYPE_CHECKING:
    import torch

    from duetbench.engines.tokens.stop_texts import StopTexts


@dataclass(frozen=True)
class SamplingSpec:
    """How to draw."""

    temperature: float
    """What the logits are divided by, > 0."""
    max_tokens: int
    """Length at which a completion is cut off, >= 1."""
    budget: int
    """At most so many tokens (longest prompt plus `max_tokens`, times samples) in one batch."""
    pad: int
    """Fills the left side of shorter prompts."""


def sample_completions(
    model: Any,
    contexts: Sequence[Sequence[int]],
    copies: int,
    how: SamplingSpec,
    stops: StopTexts,
    generator: torch.Generator,
) -> list[list[GeneratedTokens]]:
    """`copies` completions of each context, same order.

    Args:
        model: A causal language model in evaluation mode.
        contexts: Token ids of each prompt, none empty.
        copies: Samples per context, >= 1.
        how: See `SamplingSpec`.
        stops: Where completions end.
        generator: On the model's device.

    Returns:
        Tokens with those that ended them. None is empty.
    """
    found: list[list[GeneratedTokens]] = [[] for _ in contexts]
    for rows in _batches(contexts, copies, how):
        drawn = _draw_batch(model, [contexts[row] for row in rows], copies, how, stops, generator)
        for place, row in enumerate(rows):
            found[row] = drawn[place * copies : (place + 1) * copies]
    return found


def _batches(contexts: Sequence[Sequence[int]], copies: int, how: SamplingSpec) -> Iterator[list[int]]:
    """Positions of the contexts by falling length, as many at a time as the budget holds, at least one."""
    rows = sorted(range(len(contexts)), key=lambda row: -len(contexts[row]))
    while rows:
        longest = len(contexts[rows[0]]) + how.max_tokens
        n = max(how.budget // (longest * copies), 1)
        yield rows[:n]
        rows = rows[n:]


def _draw_batch(
    model: Any,
    contexts: Sequence[Sequence[int]],
    copies: int,
    how: SamplingSpec,
    stops: StopTexts,
    generator: torch.Generator,
) -> list[GeneratedTokens]:
    import torch

    answers = [GeneratedTokens() for _ in range(len(contexts) * copies)]
    with torch.no_grad():
        live = _ActiveBatch.start(model, contexts, copies, how.pad)
        for position in range(how.max_tokens):
            tokens = live.sample(how.temperature, generator)
            live.note(answers, tokens, stops)
            if all(live.is_done) or position + 1 == how.max_tokens:
                break
            live.step(model, tokens)
    return answers


class _ActiveBatch:
    """The completions that are still being written, with what the model remembers of them."""

    def __init__(self, logits: torch.Tensor, cache: Any, mask: torch.Tensor, position: torch.Tensor) -> None:
        self.logits, self.cache, self.mask, self.position = logits, cache, mask, position
        self.rows = list(range(len(logits)))
        self.is_done = [False] * len(logits)

    @classmethod
    def start(cls, model: Any, contexts: Sequence[Sequence[int]], copies: int, pad: int) -> _ActiveBatch:
        """Reads every context once and copies what was remembered."""
        ids, mask = left_padded(contexts, pad=pad, device=model.device)  # (contexts, longest)
        position = (mask.cumsum(-1) - 1).clamp(min=0)
        out = model(input_ids=ids, attention_mask=mask, position_ids=position, use_cache=True, logits_to_keep=1)
        cache = out.past_key_values
        cache.batch_repeat_interleave(copies)
        logits = out.logits[:, -1].repeat_interleave(copies, 0)  # (contexts * copies, vocabulary)
        return cls(logits, cache, mask.repeat_interleave(copies, 0), position[:, -1].repeat_interleave(copies, 0))

    def sample(self, temperature: float, generator: torch.Generator) -> torch.Tensor:
        """The next token of every row.

        Raises:
            TrainingError: the weights have burst, so that a row has no probabilities.
        """
        import torch

        chances = torch.softmax(self.logits.float() / temperature, dim=-1)
        if bool(chances[:, 0].isnan().any()):  # one odd logit spoils all of its row; multinomial would kill a GPU
            raise TrainingError(
                "the probabilities of the model that is trained are not finite: its weights have burst; lower the "
                "learning rate and train in a new folder; what was kept as best is still good"
            )
        return torch.multinomial(chances, 1, generator=generator)[:, 0]  # (rows,)

    def note(self, answers: Sequence[GeneratedTokens], tokens: torch.Tensor, stops: StopTexts) -> None:
        """Adds a token to every completion that goes on."""
        going = [place for place, is_done in enumerate(self.is_done) if not is_done]
        newest = tokens.tolist()
        written = [answers[self.rows[place]] for place in going]
        for place, answer in zip(going, written, strict=True):
            answer.ids.append(newest[place])
        ended = stops.are_ended([answer.ids for answer in written])
        for place, answer, is_ended in zip(going, written, ended, strict=True):
            answer.is_ended = self.is_done[place] = is_ended

    def step(self, model: Any, tokens: torch.Tensor) -> None:
        """Reads the tokens; rows that have ended go once they are a quarter of all."""
        import torch

        if 4 * sum(self.is_done) >= len(self.rows):
            tokens = self._drop_done(tokens)
        self.mask = torch.cat([self.mask, self.mask.new_ones(len(tokens), 1)], dim=1)
        self.position = self.position + 1
        out = model(
            input_ids=tokens[:, None],
            attention_mask=self.mask,
            position_ids=self.position[:, None],
            past_key_values=self.cache,
            use_cache=True,
        )
        self.logits = out.logits[:, -1]

    def _drop_done(self, tokens: torch.Tensor) -> torch.Tensor:
        import torch

        going = [place for place, is_done in enumerate(self.is_done) if not is_done]
        kept = torch.tensor(going, device=tokens.device)
        self.cache.batch_select_indices(kept)
        self.rows = [self.rows[place] for place in going]
        self.is_done = [False] * len(going)
        self.mask, self.position = self.mask[kept], self.position[kept]
        return tokens[kept]
