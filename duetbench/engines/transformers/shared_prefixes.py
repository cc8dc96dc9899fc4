"""The logits after many prompts that begin alike: what they share is read once, what sets them apart in one batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from duetbench.engines.transformers.decoding import left_padded, next_logits

if TYPE_CHECKING:
    import torch

_LEAST = 32
"""A shorter common beginning is not worth a pass of its own."""


@dataclass(frozen=True, slots=True)
class PrefixGroup:
    """Prompts with a common beginning."""

    shared: int
    """Tokens of the beginning; 0: nothing is shared."""
    rows: tuple[int, ...]
    """Positions of the prompts."""


def prefix_groups(prompts: Sequence[Sequence[int]]) -> list[PrefixGroup]:
    """The prompts by common beginnings: a family shares at least half of each of its prompts.

    Args:
        prompts: Token ids, none empty. Each leaves at least its last token outside the common beginning.

    Returns:
        Every prompt in one family, those that stand alone with `shared` 0.
    """
    order = sorted(range(len(prompts)), key=lambda row: tuple(prompts[row]))
    found: list[PrefixGroup] = []
    rows: list[int] = []
    shared = 0
    for row in order:
        if rows:
            # Sorted, the common beginning of a run is that of its first and its last prompt.
            common = _common(prompts[rows[0]], prompts[row])
            if common >= max(_LEAST, len(prompts[rows[0]]) // 2, len(prompts[row]) // 2):
                rows.append(row)
                shared = common
                continue
            found.append(PrefixGroup(shared, tuple(rows)))
        rows, shared = [row], 0
    return [*found, PrefixGroup(shared, tuple(rows))] if rows else found


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    limit = min(len(one), len(other)) - 1
    return next((place for place in range(limit) if one[place] != other[place]), limit)


def next_logits_by_prefix(model: Any, prompts: Sequence[Sequence[int]], *, pad: int, budget: int) -> torch.Tensor:
    """Logits of the token after each prompt: (prompts, vocabulary), equal to `decoding.next_logits` up to rounding.

    Args:
        model: A causal language model in evaluation mode.
        prompts: Token ids, none empty.
        pad: Fills the left side of shorter rows.
        budget: Tokens of one batch, those remembered from the common beginning included.
    """
    import torch

    found: dict[int, torch.Tensor] = {}
    together = prefix_groups(prompts)
    alone = [family.rows[0] for family in together if len(family.rows) == 1]
    for rows in _cut_rows(alone, prompts, budget):
        found.update(zip(rows, next_logits(model, [prompts[row] for row in rows], pad=pad), strict=True))
    shared = [family for family in together if len(family.rows) > 1]
    for batch in _cut_families(shared, prompts, budget):
        rows = [row for family in batch for row in family.rows]
        found.update(zip(rows, _read(model, batch, prompts, pad), strict=True))
    return torch.stack([found[row] for row in range(len(prompts))])


def _read(model: Any, batch: Sequence[PrefixGroup], prompts: Sequence[Sequence[int]], pad: int) -> torch.Tensor:
    import torch

    heads = [prompts[family.rows[0]][: family.shared] for family in batch]
    tails = [prompts[row][family.shared :] for family in batch for row in family.rows]
    owner = torch.tensor([place for place, family in enumerate(batch) for _ in family.rows], device=model.device)
    head_ids, head_mask = left_padded(heads, pad=pad, device=model.device)
    tail_ids, tail_mask = left_padded(tails, pad=pad, device=model.device)
    with torch.inference_mode():
        start = model(
            input_ids=head_ids,
            attention_mask=head_mask,
            position_ids=(head_mask.cumsum(-1) - 1).clamp(min=0),
            use_cache=True,
            logits_to_keep=1,
        )
        cache = start.past_key_values
        cache.batch_select_indices(owner)  # one copy of what was read per prompt of the family
        mask = torch.cat([head_mask[owner], tail_mask], dim=1)  # (rows, head + tail), gaps in the middle masked
        out = model(
            input_ids=tail_ids,
            attention_mask=mask,
            position_ids=(mask.cumsum(-1) - 1).clamp(min=0)[:, head_mask.shape[1] :],
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
    return out.logits[:, -1]  # type: ignore[no-any-return]


def _cut_rows(rows: Sequence[int], prompts: Sequence[Sequence[int]], budget: int) -> Iterator[list[int]]:
    left = sorted(rows, key=lambda row: -len(prompts[row]))
    while left:
        n = max(budget // len(prompts[left[0]]), 1)
        yield left[:n]
        left = left[n:]


def _cut_families(
    found: Sequence[PrefixGroup], prompts: Sequence[Sequence[int]], budget: int
) -> Iterator[list[PrefixGroup]]:
    """Families of similar length together, longest first; a family beyond the budget is cut into smaller ones."""
    small = [part for family in found for part in _parts(family, prompts, budget)]
    small.sort(key=lambda family: -_longest(family, prompts))
    batch: list[PrefixGroup] = []
    for family in small:
        n_rows = sum(len(each.rows) for each in batch) + len(family.rows)
        if batch and n_rows * _longest(batch[0], prompts) > budget:
            yield batch
            batch = []
        batch.append(family)
    if batch:
        yield batch


def _parts(family: PrefixGroup, prompts: Sequence[Sequence[int]], budget: int) -> list[PrefixGroup]:
    n = max(budget // _longest(family, prompts), 1)
    return [PrefixGroup(family.shared, family.rows[start : start + n]) for start in range(0, len(family.rows), n)]


def _longest(family: PrefixGroup, prompts: Sequence[Sequence[int]]) -> int:
    return max(len(prompts[row]) for row in family.rows)
