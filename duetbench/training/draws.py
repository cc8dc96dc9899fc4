"""Draws completions from a model that is being trained: token by token, with the draw decided by one seed.

A prompt is read once for all of its samples. The random numbers come from a generator of their own, so that a resumed
training draws what an undisturbed one would have drawn, whatever else used torch's global generator in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase


@dataclass(slots=True)
class Draw:
    """One completion in tokens."""

    ids: list[int] = field(default_factory=list)
    """With the token that ended it, if one did."""
    own: list[int] = field(default_factory=list)
    """1 for a token that the model drew, 0 for one that it was given."""
    is_ended: bool = False
    """False: it was cut off at its longest."""
    stop: str = ""
    """The stop text that ended it; it stands at the end of `ids`."""


@dataclass(frozen=True)
class Drawing:
    """How to draw.

    Args:
        temperature: What the logits are divided by, > 0.
        max_tokens: Length at which a completion is cut off.
        stop: Texts that end a completion.
        end_ids: Tokens that end a completion.
        budget: At most so many tokens (longest prompt plus `max_tokens`, times samples) in one batch.
    """

    temperature: float
    max_tokens: int
    stop: tuple[str, ...]
    end_ids: tuple[int, ...]
    budget: int


def draw(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    contexts: Sequence[Sequence[int]],
    copies: int,
    how: Drawing,
    generator: torch.Generator,
) -> list[list[Draw]]:
    """`copies` completions of each context, same order.

    Args:
        model: A causal language model in evaluation mode.
        tokenizer: Turns tokens into text, to find stop texts.
        contexts: Token ids of each prompt, not empty.
        copies: Samples per context, >= 1.
        how: See `Drawing`.
        generator: On the model's device.
    """
    found: list[list[Draw]] = [[] for _ in contexts]
    watch = _Stops(tokenizer, how.stop)
    for rows in _batches(contexts, copies, how):
        drawn = _draw_batch(model, [contexts[row] for row in rows], copies, how, generator, watch, _pad(tokenizer))
        for place, row in enumerate(rows):
            found[row] = drawn[place * copies : (place + 1) * copies]
    return found


def _batches(contexts: Sequence[Sequence[int]], copies: int, how: Drawing) -> Iterator[list[int]]:
    """Positions of the contexts by falling length, as many at a time as the budget holds, at least one."""
    rows = sorted(range(len(contexts)), key=lambda row: -len(contexts[row]))
    while rows:
        longest = len(contexts[rows[0]]) + how.max_tokens
        n = max(how.budget // (longest * copies), 1)
        yield rows[:n]
        rows = rows[n:]


def _pad(tokenizer: PreTrainedTokenizerBase) -> int:
    return int(tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id)


def _draw_batch(
    model: Any,
    contexts: Sequence[Sequence[int]],
    copies: int,
    how: Drawing,
    generator: torch.Generator,
    watch: _Stops,
    pad: int,
) -> list[Draw]:
    import torch

    draws = [Draw() for _ in range(len(contexts) * copies)]
    with torch.no_grad():
        live = _Live.start(model, contexts, copies, pad)
        for position in range(how.max_tokens):
            tokens = live.sample(how.temperature, generator)
            live.is_done |= _note(draws, live.rows, tokens, live.is_done, how, watch)
            if bool(live.is_done.all()) or position + 1 == how.max_tokens:
                break
            live.step(model, tokens)
    return draws


def _note(
    draws: list[Draw], rows: list[int], tokens: torch.Tensor, is_done: torch.Tensor, how: Drawing, watch: _Stops
) -> torch.Tensor:
    """Adds a token to every completion that goes on; says which have ended now."""
    import torch

    ended = torch.zeros_like(is_done)
    for place, (row, token, done) in enumerate(zip(rows, tokens.tolist(), is_done.tolist(), strict=True)):
        if done:
            continue
        one = draws[row]
        one.ids.append(token)
        one.own.append(1)
        one.stop = watch.found(one.ids)
        one.is_ended = token in how.end_ids or bool(one.stop)
        ended[place] = one.is_ended
    return ended


class _Live:
    """The completions that are still being written, with what the model remembers of them."""

    def __init__(self, logits: torch.Tensor, cache: Any, mask: torch.Tensor, position: torch.Tensor) -> None:
        import torch

        self.logits, self.cache, self.mask, self.position = logits, cache, mask, position
        self.rows = list(range(len(logits)))
        self.is_done = torch.zeros(len(logits), dtype=torch.bool, device=logits.device)

    @classmethod
    def start(cls, model: Any, contexts: Sequence[Sequence[int]], copies: int, pad: int) -> _Live:
        """Reads every context once and copies what was remembered."""
        import torch

        width = max(map(len, contexts))
        padded = [[pad] * (width - len(context)) + list(context) for context in contexts]
        masked = [[0] * (width - len(context)) + [1] * len(context) for context in contexts]
        ids = torch.tensor(padded, device=model.device)  # (contexts, width)
        mask = torch.tensor(masked, device=model.device)
        position = (mask.cumsum(-1) - 1).clamp(min=0)
        out = model(input_ids=ids, attention_mask=mask, position_ids=position, use_cache=True, logits_to_keep=1)
        cache = out.past_key_values
        cache.batch_repeat_interleave(copies)
        logits = out.logits[:, -1].repeat_interleave(copies, 0)  # (contexts * copies, vocabulary)
        return cls(logits, cache, mask.repeat_interleave(copies, 0), position[:, -1].repeat_interleave(copies, 0))

    def sample(self, temperature: float, generator: torch.Generator) -> torch.Tensor:
        """The next token of every row."""
        import torch

        chances = torch.softmax(self.logits.float() / temperature, dim=-1)
        return torch.multinomial(chances, 1, generator=generator)[:, 0]  # (rows,)

    def step(self, model: Any, tokens: torch.Tensor) -> None:
        """Reads the tokens; rows that have ended go once they are a quarter of all."""
        import torch

        if 4 * int(self.is_done.sum()) >= len(self.rows):
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
        kept = (~self.is_done).nonzero()[:, 0]
        self.cache.batch_select_indices(kept)
        self.rows = [self.rows[place] for place in kept.tolist()]
        self.mask, self.position, self.is_done = self.mask[kept], self.position[kept], self.is_done[kept]
        return tokens[kept]


class _Stops:
    """Finds stop texts at the end of what was written.

    Text is only looked at where the newest token can be the last piece of a stop text.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, stops: Sequence[str]) -> None:
        self._tokenizer = tokenizer
        self._stops = tuple(stop for stop in stops if stop)
        self._last = {stop[-1] for stop in self._stops}
        self._tail = max((len(tokenizer.encode(stop, add_special_tokens=False)) for stop in self._stops), default=0)
        self._closing: dict[int, bool] = {}

    def found(self, ids: Sequence[int]) -> str:
        """The stop text that the last token completes; empty if none."""
        if not self._stops or not self._can_close(ids[-1]):
            return ""
        # A stop text may be cut into more tokens than its own encoding has: one per character at the worst.
        text = str(self._tokenizer.decode(ids[-max(map(len, self._stops)) - self._tail :]))
        return next((stop for stop in self._stops if stop in text), "")

    def _can_close(self, token: int) -> bool:
        if token not in self._closing:
            self._closing[token] = any(last in str(self._tokenizer.decode([token])) for last in self._last)
        return self._closing[token]
