"""Samples completions from the model that is being trained, token by token, determined by one seed.

A prompt is processed once for all of its completions. The random numbers come from a separate generator, so that a
resumed training samples what an uninterrupted one would have sampled, whatever else uses torch's global generator.
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
    """How tokens are sampled."""

    temperature: float
    """Divisor of the logits, > 0."""
    max_tokens: int
    """Maximum length of a completion, >= 1."""
    budget: int
    """Maximum of (longest prompt + `max_tokens`) * completions in one batch."""
    pad: int
    """Id of the token that pads shorter prompts on the left."""


def sample_completions(
    model: Any,
    contexts: Sequence[Sequence[int]],
    copies: int,
    spec: SamplingSpec,
    stops: StopTexts,
    generator: torch.Generator,
) -> list[list[GeneratedTokens]]:
    """`copies` completions of each context, in the order of the contexts.

    Args:
        model: A causal language model in evaluation mode.
        contexts: Token ids of each prompt, none empty.
        copies: Completions per context, >= 1.
        spec: See `SamplingSpec`.
        stops: The ends of completions.
        generator: On the model's device.

    Returns:
        The tokens of each completion, never empty, including the token that ended it.
    """
    completions: list[list[GeneratedTokens]] = [[] for _ in contexts]
    for rows in _batches(contexts, copies, spec):
        generated = _sample_batch(model, [contexts[row] for row in rows], copies, spec, stops, generator)
        for position, row in enumerate(rows):
            completions[row] = generated[position * copies : (position + 1) * copies]
    return completions


def _batches(contexts: Sequence[Sequence[int]], copies: int, spec: SamplingSpec) -> Iterator[list[int]]:
    """Positions of the contexts by decreasing length, as many per batch as the budget allows, at least one."""
    rows = sorted(range(len(contexts)), key=lambda row: -len(contexts[row]))
    while rows:
        longest = len(contexts[rows[0]]) + spec.max_tokens
        n = max(spec.budget // (longest * copies), 1)
        yield rows[:n]
        rows = rows[n:]


def _sample_batch(
    model: Any,
    contexts: Sequence[Sequence[int]],
    copies: int,
    spec: SamplingSpec,
    stops: StopTexts,
    generator: torch.Generator,
) -> list[GeneratedTokens]:
    import torch

    completions = [GeneratedTokens() for _ in range(len(contexts) * copies)]
    with torch.no_grad():
        batch = _ActiveBatch.start(model, contexts, copies, spec.pad)
        for position in range(spec.max_tokens):
            tokens = batch.sample(spec.temperature, generator)
            batch.append(completions, tokens, stops)
            if all(batch.is_done) or position + 1 == spec.max_tokens:
                break
            batch.step(model, tokens)
    return completions


class _ActiveBatch:
    """The completions that have not ended, with their key-value cache."""

    def __init__(self, logits: torch.Tensor, cache: Any, mask: torch.Tensor, position: torch.Tensor) -> None:
        self.logits, self.cache, self.mask, self.position = logits, cache, mask, position
        self.rows = list(range(len(logits)))
        self.is_done = [False] * len(logits)

    @classmethod
    def start(cls, model: Any, contexts: Sequence[Sequence[int]], copies: int, pad: int) -> _ActiveBatch:
        """Processes every context once and copies its cache for each completion."""
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
            TrainingError: the weights diverged, so that a row has no probabilities.
        """
        import torch

        probabilities = torch.softmax(self.logits.float() / temperature, dim=-1)
        # One non-finite logit makes its row NaN; multinomial would then fail on a GPU in a way that cannot be caught.
        if bool(probabilities[:, 0].isnan().any()):
            raise TrainingError(
                "weights diverged: the logits of the trained model are not finite; lower the learning rate and train "
                "in a new folder; the weights kept as best are still valid"
            )
        return torch.multinomial(probabilities, 1, generator=generator)[:, 0]  # (rows,)

    def append(self, completions: Sequence[GeneratedTokens], tokens: torch.Tensor, stops: StopTexts) -> None:
        """Adds a token to every completion that has not ended."""
        active = [position for position, is_done in enumerate(self.is_done) if not is_done]
        new = tokens.tolist()
        unfinished = [completions[self.rows[position]] for position in active]
        for position, completion in zip(active, unfinished, strict=True):
            completion.ids.append(new[position])
        ended = stops.are_ended([completion.ids for completion in unfinished])
        for position, completion, is_ended in zip(active, unfinished, ended, strict=True):
            completion.is_ended = self.is_done[position] = is_ended

    def step(self, model: Any, tokens: torch.Tensor) -> None:
        """Processes the tokens; finished rows are removed once they are a quarter of the batch."""
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

        active = [position for position, is_done in enumerate(self.is_done) if not is_done]
        kept = torch.tensor(active, device=tokens.device)
        self.cache.batch_select_indices(kept)
        self.rows = [self.rows[position] for position in active]
        self.is_done = [False] * len(active)
        self.mask, self.position = self.mask[kept], self.position[kept]
        return tokens[kept]
