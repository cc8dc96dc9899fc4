"""Next-token logits of many prompts with common prefixes: each prefix is computed once, the rest in one batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from duetbench.engines.transformers.decoding import left_padded, next_logits

if TYPE_CHECKING:
    import torch

_MIN_SHARED = 32
"""Tokens; computing a shorter prefix in a pass of its own costs more than it saves."""


@dataclass(frozen=True, slots=True)
class PrefixGroup:
    """Prompts with a common prefix."""

    shared: int
    """Length of the prefix in tokens; 0: nothing is shared."""
    rows: tuple[int, ...]
    """Positions of the prompts."""


def prefix_groups(prompts: Sequence[Sequence[int]]) -> list[PrefixGroup]:
    """The prompts by common prefix, which is at least half of each prompt of a group.

    Args:
        prompts: Token ids, none empty. Each prompt's last token at least is not part of the prefix.

    Returns:
        Every prompt in one group; a prompt that shares no prefix is a group of its own with `shared` 0.
    """
    order = sorted(range(len(prompts)), key=lambda row: tuple(prompts[row]))
    groups: list[PrefixGroup] = []
    rows: list[int] = []
    shared = 0
    for row in order:
        if rows:
            # In sorted order, the common prefix of a run is that of its first and its last prompt.
            common = _common_length(prompts[rows[0]], prompts[row])
            if common >= max(_MIN_SHARED, len(prompts[rows[0]]) // 2, len(prompts[row]) // 2):
                rows.append(row)
                shared = common
                continue
            groups.append(PrefixGroup(shared, tuple(rows)))
        rows, shared = [row], 0
    return [*groups, PrefixGroup(shared, tuple(rows))] if rows else groups


def _common_length(first: Sequence[int], second: Sequence[int]) -> int:
    limit = min(len(first), len(second)) - 1
    return next((position for position in range(limit) if first[position] != second[position]), limit)


def next_logits_by_prefix(model: Any, prompts: Sequence[Sequence[int]], *, pad: int, budget: int) -> torch.Tensor:
    """Logits of the token after each prompt: (prompts, vocabulary), equal to `decoding.next_logits` up to rounding.

    Args:
        model: A causal language model in evaluation mode.
        prompts: Token ids, none empty.
        pad: Fills the left side of shorter rows.
        budget: Tokens of one batch, cached ones of the prefix included.
    """
    import torch

    logits: dict[int, torch.Tensor] = {}
    groups = prefix_groups(prompts)
    singles = [group.rows[0] for group in groups if len(group.rows) == 1]
    for rows in _batches_of_rows(singles, prompts, budget):
        logits.update(zip(rows, next_logits(model, [prompts[row] for row in rows], pad=pad), strict=True))
    shared = [group for group in groups if len(group.rows) > 1]
    for batch in _batches_of_groups(shared, prompts, budget):
        rows = [row for group in batch for row in group.rows]
        logits.update(zip(rows, _logits_of_groups(model, batch, prompts, pad), strict=True))
    return torch.stack([logits[row] for row in range(len(prompts))])


def _logits_of_groups(
    model: Any, batch: Sequence[PrefixGroup], prompts: Sequence[Sequence[int]], pad: int
) -> torch.Tensor:
    import torch

    prefixes = [prompts[group.rows[0]][: group.shared] for group in batch]
    suffixes = [prompts[row][group.shared :] for group in batch for row in group.rows]
    group_of_row = torch.tensor([number for number, group in enumerate(batch) for _ in group.rows], device=model.device)
    prefix_ids, prefix_mask = left_padded(prefixes, pad=pad, device=model.device)
    suffix_ids, suffix_mask = left_padded(suffixes, pad=pad, device=model.device)
    with torch.inference_mode():
        start = model(
            input_ids=prefix_ids,
            attention_mask=prefix_mask,
            position_ids=(prefix_mask.cumsum(-1) - 1).clamp(min=0),
            use_cache=True,
            logits_to_keep=1,
        )
        cache = start.past_key_values
        cache.batch_select_indices(group_of_row)  # one copy of the prefix's keys and values per prompt of the group
        # (rows, prefix + suffix), with the padding between prefix and suffix masked
        mask = torch.cat([prefix_mask[group_of_row], suffix_mask], dim=1)
        out = model(
            input_ids=suffix_ids,
            attention_mask=mask,
            position_ids=(mask.cumsum(-1) - 1).clamp(min=0)[:, prefix_mask.shape[1] :],
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
    return out.logits[:, -1]  # type: ignore[no-any-return]


def _batches_of_rows(rows: Sequence[int], prompts: Sequence[Sequence[int]], budget: int) -> Iterator[list[int]]:
    remaining = sorted(rows, key=lambda row: -len(prompts[row]))
    while remaining:
        n = max(budget // len(prompts[remaining[0]]), 1)
        yield remaining[:n]
        remaining = remaining[n:]


def _batches_of_groups(
    groups: Sequence[PrefixGroup], prompts: Sequence[Sequence[int]], budget: int
) -> Iterator[list[PrefixGroup]]:
    """Groups of similar length together, longest first; a group beyond the budget is split into smaller ones."""
    parts = [part for group in groups for part in _split_group(group, prompts, budget)]
    parts.sort(key=lambda group: -_longest(group, prompts))
    batch: list[PrefixGroup] = []
    for group in parts:
        n_rows = sum(len(batched.rows) for batched in batch) + len(group.rows)
        if batch and n_rows * _longest(batch[0], prompts) > budget:
            yield batch
            batch = []
        batch.append(group)
    if batch:
        yield batch


def _split_group(group: PrefixGroup, prompts: Sequence[Sequence[int]], budget: int) -> list[PrefixGroup]:
    n = max(budget // _longest(group, prompts), 1)
    return [PrefixGroup(group.shared, group.rows[start : start + n]) for start in range(0, len(group.rows), n)]


def _longest(group: PrefixGroup, prompts: Sequence[Sequence[int]]) -> int:
    return max(len(prompts[row]) for row in group.rows)
