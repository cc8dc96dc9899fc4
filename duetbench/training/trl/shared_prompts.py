"""The completions of one prompt as branches of one sequence, so that forward and backward passes read it once.

A row holds a prompt without its last token, then one branch per completion: the prompt's last token and the completion
without its last token, so that each branch predicts its own first token. Positions restart in each branch, and a mask
lets a branch attend to the prompt and to itself. Log-probabilities and gradients equal those of separate rows up to
rounding. With G completions of C tokens and a prompt of P tokens, P + G C tokens are computed in place of G (P + C).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

IGNORED = -100
"""The label of a position that predicts nothing."""

_PADDING = -1
"""The branch of padding."""


class PaddedBatch(NamedTuple):
    """Completions with their prompts, as TRL pads them."""

    input_ids: Tensor
    """(completions, length): prompts padded at their start, then completions padded at their end."""
    attention_mask: Tensor
    """(completions, length): 0 at padding."""
    n_completion: int
    """The length of the padded completions."""


@dataclass(frozen=True)
class SharedRows:
    """A batch whose completions share their prompts."""

    input_ids: Tensor
    """(rows, width): prompts, padded at their end to one length, then the branches, padded at the end."""
    position_ids: Tensor
    """(rows, width)"""
    branches: Tensor
    """(rows, width): 0 in the prompt, the number of the branch from 1 on, -1 at padding."""
    labels: Tensor
    """(rows, width): the next token of the completion, or `IGNORED`."""
    places: Tensor
    """(completions, length): the position of each token's prediction in the flattened rows; -1 at padding."""

    def attention_mask(self) -> Tensor:
        """(rows, 1, width, width): whether a query (third dimension) may attend to a key."""
        import torch

        width = self.branches.shape[1]
        earlier = torch.ones(width, width, dtype=torch.bool, device=self.branches.device).tril()
        queries, keys = self.branches[:, :, None], self.branches[:, None, :]
        # Padding attends to padding, since a softmax over nothing is not a number.
        return (earlier & ((keys == 0) | (keys == queries)))[:, None]

    def by_completion(self, values: Tensor) -> Tensor:
        """(completions, length): values of the rows, 0 at padding."""
        return values.flatten()[self.places.clamp(min=0)].masked_fill(self.places < 0, 0)


def share_prompts(batch: PaddedBatch) -> SharedRows:
    """The same tokens with each prompt once, or a few times if that needs less padding."""
    import torch

    n_last = batch.n_completion
    tokens = [
        (_unpadded(ids[:-n_last], mask[:-n_last]), _unpadded(ids[-n_last:], mask[-n_last:]))
        for ids, mask in zip(batch.input_ids.tolist(), batch.attention_mask.tolist(), strict=True)
    ]
    shape = _fewest_tokens([prompt for prompt, _ in tokens], [len(completion) for _, completion in tokens])
    rows = [_Row.of([tokens[member] for member in members], shape) for members in shape.rows]
    places = [[_PADDING] * n_last for _ in tokens]
    for number, (row, members) in enumerate(zip(rows, shape.rows, strict=True)):
        for start, member in zip(row.starts, members, strict=True):
            first, length = number * shape.width + start, len(tokens[member][1])
            places[member][:length] = range(first, first + length)

    def tensor(values: list[list[int]]) -> Tensor:
        return torch.tensor(values, device=batch.input_ids.device)

    return SharedRows(
        input_ids=tensor([row.ids for row in rows]),
        position_ids=tensor([row.positions for row in rows]),
        branches=tensor([row.branches for row in rows]),
        labels=tensor([row.labels for row in rows]),
        places=tensor(places),
    )


def group_completions(chunks: list[dict[str, Any]], *, per_update: int) -> None:
    """Orders the completions of each update by their prompts, in place, so that a micro-batch shares as many as it can.

    TRL shuffles a round. Which completions are in which update stays as it is, so that gradients do, too. Groups with
    similar numbers of tokens are adjacent, for less padding.

    Args:
        chunks: TRL's micro-batches of one round, in the order of their use.
        per_update: Micro-batches per update.
    """
    import torch

    size = len(chunks[0]["prompt_ids"])
    for start in range(0, len(chunks), per_update):
        update = chunks[start : start + per_update]
        order = torch.tensor(_order(update))
        for name, first in update[0].items():
            if isinstance(first, torch.Tensor) and first.ndim:
                values = torch.cat([chunk[name] for chunk in update])[order.to(first.device)]
                for chunk, part in zip(update, torch.split(values, size), strict=True):
                    chunk[name] = part


@dataclass
class _Row:
    """The columns of a row."""

    ids: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    branches: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    """The column at which each branch starts."""

    @classmethod
    def of(cls, members: Sequence[tuple[tuple[int, ...], tuple[int, ...]]], shape: _Shape) -> _Row:
        """The row of completions of one prompt.

        Args:
            members: The prompt and the completion of each.
            shape: The widths to pad to.
        """
        row = cls()
        row.add(members[0][0][:-1], first=0, branch=0)
        row.pad(shape.n_prompt)
        for branch, (prompt, completion) in enumerate(members, 1):
            row.starts.append(len(row.ids))
            row.add([prompt[-1], *completion][: len(completion)], len(prompt) - 1, branch, labels=completion)
        row.pad(shape.width)
        return row

    def add(self, ids: Sequence[int], first: int, branch: int, labels: Sequence[int] | None = None) -> None:
        self.ids += ids
        self.positions += range(first, first + len(ids))
        self.branches += [branch] * len(ids)
        self.labels += [IGNORED] * len(ids) if labels is None else labels

    def pad(self, width: int) -> None:
        missing = [0] * (width - len(self.ids))
        self.add(missing, 0, _PADDING)
        self.positions[len(self.positions) - len(missing) :] = missing


class _Shape(NamedTuple):
    """Which completions are in which row."""

    rows: list[list[int]]
    n_prompt: int
    width: int

    @property
    def n_tokens(self) -> int:
        """Tokens that are computed, padding included."""
        return len(self.rows) * self.width


def _fewest_tokens(prompts: Sequence[tuple[int, ...]], lengths: Sequence[int]) -> _Shape:
    """The number of completions per row with the fewest tokens: groups of different sizes need padding."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for position, prompt in enumerate(prompts):
        groups.setdefault(prompt, []).append(position)
    n_prompt = max(map(len, groups)) - 1
    shapes = []
    for size in range(max(map(len, groups.values())), 0, -1):
        rows = [group[start : start + size] for group in groups.values() for start in range(0, len(group), size)]
        width = n_prompt + max(sum(lengths[position] for position in row) for row in rows)
        shapes.append(_Shape(rows, n_prompt, width))
    return min(shapes, key=lambda shape: shape.n_tokens)


def _unpadded(ids: Sequence[int], mask: Sequence[int]) -> tuple[int, ...]:
    return tuple(token for token, keep in zip(ids, mask, strict=True) if keep)


def _order(chunks: list[dict[str, Any]]) -> list[int]:
    """Positions of the completions, those of one prompt adjacent, groups with few tokens first."""
    prompts = [
        tuple(row)
        for chunk in chunks
        for row in chunk["prompt_ids"].masked_fill(chunk["prompt_mask"] == 0, -1).tolist()
    ]
    lengths = [n for chunk in chunks for n in chunk["completion_mask"].sum(dim=1).tolist()]
    n_tokens = {prompt: sum(token >= 0 for token in prompt) for prompt in prompts}
    for prompt, length in zip(prompts, lengths, strict=True):
        n_tokens[prompt] += length
    return sorted(range(len(prompts)), key=lambda position: (n_tokens[prompts[position]], prompts[position]))
