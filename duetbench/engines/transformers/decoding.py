"""Forward passes: generation token by token, and the logits right after a prompt."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from duetbench.engines.transformers.kv_cache import PrefixCache

if TYPE_CHECKING:
    import torch
    from transformers import DynamicCache

Pick = Callable[["torch.Tensor", Sequence[int]], "torch.Tensor"]
"""From logits (rows, vocabulary) and the rows that they belong to, to the next tokens (rows,)."""

AreEnded = Callable[[Sequence[Sequence[int]]], list[bool]]
"""Whether the newest token of each completion, given as token ids, ends it."""


@dataclass(frozen=True, slots=True)
class CachedPrompts:
    """The entries of a prefix cache that belong to the prompts of one call."""

    cache: PrefixCache
    names: Sequence[Hashable]
    """One per prompt."""


@dataclass(slots=True)
class GeneratedTokens:
    """The tokens that one row has generated."""

    ids: list[int] = field(default_factory=list)
    is_ended: bool = False
    """False: it was cut off at the length limit."""


def next_logits(model: Any, prompts: Sequence[Sequence[int]], *, pad: int) -> torch.Tensor:
    """Logits of the token after each prompt, from one forward pass: (prompts, vocabulary)."""
    import torch

    ids, mask = left_padded(prompts, pad=pad, device=model.device)
    with torch.inference_mode():
        out = model(
            input_ids=ids, attention_mask=mask, position_ids=_positions(mask), use_cache=False, logits_to_keep=1
        )
    return out.logits[:, -1]  # type: ignore[no-any-return]


def generate_tokens(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    pad: int,
    max_tokens: int,
    pick: Pick,
    are_ended: AreEnded,
    cached: CachedPrompts | None = None,
) -> list[GeneratedTokens]:
    """One completion per prompt. Ended rows leave the batch, so the last long completion runs alone.

    Args:
        model: A causal language model.
        prompts: Token ids, none empty.
        pad: Fills the left side of shorter prompts.
        max_tokens: Length at which a completion is cut off, >= 1.
        pick: Chooses the next tokens.
        are_ended: Called with all running completions after each token.
        cached: Keys and values of known beginnings are taken from the cache, and those of the prompts are added.
    """
    import torch

    completions = [GeneratedTokens() for _ in prompts]
    rows = list(range(len(prompts)))
    with torch.inference_mode():
        ids, mask, cache = _start(model, prompts, pad, cached)
        positions = _positions(mask)[:, -ids.shape[1] :]
        for step in range(max_tokens):
            out = model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
            if cached and not step:
                cached.cache.keep(cached.names, prompts, mask, cache)
            tokens = pick(out.logits[:, -1], rows)
            running = _append([completions[row] for row in rows], tokens.tolist(), are_ended)
            if not running or step + 1 == max_tokens:
                break
            running_rows = torch.tensor(running, device=tokens.device)
            if len(running) < len(rows):
                cache.batch_select_indices(running_rows)
                rows = [rows[position] for position in running]
                mask = mask[running_rows]
            ids = tokens[running_rows][:, None]
            mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
            positions = mask.sum(-1, keepdim=True) - 1
    return completions


def _start(
    model: Any, prompts: Sequence[Sequence[int]], pad: int, cached: CachedPrompts | None
) -> tuple[torch.Tensor, torch.Tensor, DynamicCache]:
    """The uncached ids, (prompts, longest rest); the mask, (prompts, cached + rest); the cache of the beginnings.

    The cache is used only if every prompt has a known beginning.
    """
    import torch
    from transformers import DynamicCache

    lengths = [cached.cache.known(*entry) for entry in zip(cached.names, prompts, strict=True)] if cached else [0]
    if cached is None or not all(lengths):
        return *left_padded(prompts, pad=pad, device=model.device), DynamicCache(config=model.config)
    suffixes = [prompt[n:] for prompt, n in zip(prompts, lengths, strict=True)]
    ids, mask = left_padded(suffixes, pad=pad, device=model.device)
    _, cached_mask = left_padded([[pad] * n for n in lengths], pad=pad, device=model.device)
    cache = cached.cache.cache(cached.names, lengths, model.config)
    return ids, torch.cat([cached_mask, mask], dim=1), cache


def left_padded(
    prompts: Sequence[Sequence[int]], *, pad: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and attention mask, each (prompts, longest)."""
    import torch

    width = max(map(len, prompts))
    ids = [[pad] * (width - len(prompt)) + list(prompt) for prompt in prompts]
    mask = [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)


def _positions(mask: torch.Tensor) -> torch.Tensor:
    return (mask.cumsum(-1) - 1).clamp(min=0)


def _append(completions: Sequence[GeneratedTokens], tokens: Sequence[int], are_ended: AreEnded) -> list[int]:
    """Adds a token to each completion; the positions of those that have not ended."""
    for completion, token in zip(completions, tokens, strict=True):
        completion.ids.append(token)
    ended = are_ended([completion.ids for completion in completions])
    for completion, is_ended in zip(completions, ended, strict=True):
        completion.is_ended = is_ended
    return [position for position, completion in enumerate(completions) if not completion.is_ended]
