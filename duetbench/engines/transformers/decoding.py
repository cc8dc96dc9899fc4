"""Forward passes: writing answers token by token, and the logits right after a prompt."""

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

IsEnded = Callable[[Sequence["GeneratedTokens"]], list[bool]]
"""Whether each answer, with its newest token, has come to its end."""


@dataclass(frozen=True, slots=True)
class PrefixCacheKeys:
    """Where the prompts of one call stand among the readings."""

    readings: PrefixCache
    names: Sequence[Hashable]
    """One per prompt."""


@dataclass(slots=True)
class GeneratedTokens:
    """What one row has written so far."""

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
    is_ended: IsEnded,
    memory: PrefixCacheKeys | None = None,
) -> list[GeneratedTokens]:
    """One answer per prompt. Rows that have ended leave the batch, so the last long answer runs alone.

    Args:
        model: A causal language model.
        prompts: Token ids, none empty.
        pad: Fills the left side of shorter prompts.
        max_tokens: Length at which an answer is cut off, >= 1.
        pick: Chooses the next tokens.
        is_ended: Looks at the answers after each token.
        memory: What is known of the prompts is not read again, and what is read is added.
    """
    import torch

    answers = [GeneratedTokens() for _ in prompts]
    rows = list(range(len(prompts)))
    with torch.inference_mode():
        ids, mask, cache = _start(model, prompts, pad, memory)
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
            if memory and not step:
                memory.readings.keep(memory.names, prompts, mask, cache)
            tokens = pick(out.logits[:, -1], rows)
            going = _note([answers[row] for row in rows], tokens.tolist(), is_ended)
            if not going or step + 1 == max_tokens:
                break
            kept = torch.tensor(going, device=tokens.device)
            if len(going) < len(rows):
                cache.batch_select_indices(kept)
                rows = [rows[place] for place in going]
                mask = mask[kept]
            ids = tokens[kept][:, None]
            mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
            positions = mask.sum(-1, keepdim=True) - 1
    return answers


def _start(
    model: Any, prompts: Sequence[Sequence[int]], pad: int, memory: PrefixCacheKeys | None
) -> tuple[torch.Tensor, torch.Tensor, DynamicCache]:
    """What is left to read, (prompts, longest rest); the mask of all, (prompts, known + rest); what is known."""
    import torch
    from transformers import DynamicCache

    known = [memory.readings.known(*each) for each in zip(memory.names, prompts, strict=True)] if memory else [0]
    if memory is None or not all(known):
        return *left_padded(prompts, pad=pad, device=model.device), DynamicCache(config=model.config)
    rest = [prompt[n:] for prompt, n in zip(prompts, known, strict=True)]
    ids, mask = left_padded(rest, pad=pad, device=model.device)
    _, before = left_padded([[pad] * n for n in known], pad=pad, device=model.device)
    cache = memory.readings.cache(memory.names, known, model.config)
    return ids, torch.cat([before, mask], dim=1), cache


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


def _note(answers: Sequence[GeneratedTokens], tokens: Sequence[int], is_ended: IsEnded) -> list[int]:
    """Adds a token to each answer; the places of those that go on."""
    for answer, token in zip(answers, tokens, strict=True):
        answer.ids.append(token)
    for answer, ended in zip(answers, is_ended(answers), strict=True):
        answer.is_ended = ended
    return [place for place, answer in enumerate(answers) if not answer.is_ended]
