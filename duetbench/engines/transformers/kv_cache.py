"""What a model has read of a prompt, kept for the next question that begins alike: the next gap of a form."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from transformers import DynamicCache

    Layers = list[tuple["torch.Tensor", "torch.Tensor"]]


@dataclass(slots=True)
class PrefixCache:
    """Keys and values of prompts by name; those read longest ago go first where there are too many.

    Valid for one set of weights: whoever changes the weights starts anew.

    Args:
        limit: Tokens that are kept, all prompts together.
    """

    limit: int
    _kept: dict[Hashable, tuple[tuple[int, ...], Layers]] = field(default_factory=dict)
    """Tokens, and for each layer keys and values, each (heads, tokens, size)."""

    def known(self, name: Hashable, ids: Sequence[int]) -> int:
        """How many tokens at the beginning of a prompt are known; never all: what follows the last one is asked."""
        before = self._kept[name][0] if name in self._kept else ()
        limit = min(len(before), len(ids) - 1)
        return next((place for place in range(limit) if before[place] != ids[place]), limit)

    def cache(self, names: Sequence[Hashable], lengths: Sequence[int], config: Any) -> DynamicCache:
        """What is known of each prompt's first `lengths` tokens, left-padded to the longest."""
        from transformers import DynamicCache

        cache = DynamicCache(config=config)
        found = [self._kept[name][1] for name in names]
        for layer in range(len(found[0])):
            keys, values = (_padded([kept[layer][which] for kept in found], lengths) for which in (0, 1))
            cache.update(keys, values, layer)
        return cache

    def keep(self, names: Sequence[Hashable], prompts: Sequence[Sequence[int]], mask: torch.Tensor, cache: Any) -> None:
        """Keeps what a pass has read, if each layer remembers all of it (a sliding window does not).

        Args:
            names: One per prompt.
            prompts: Their tokens.
            mask: (prompts, tokens) of the pass: 1 where a token of the prompt stands.
            cache: What was read, a `DynamicCache`.
        """
        if any(getattr(layer, "keys", None) is None or layer.keys.shape[2] != mask.shape[1] for layer in cache.layers):
            return
        for row, (name, ids) in enumerate(zip(names, prompts, strict=True)):
            places = mask[row].nonzero()[:, 0]
            self._kept.pop(name, None)
            self._kept[name] = (
                tuple(ids),
                [(layer.keys[row][:, places], layer.values[row][:, places]) for layer in cache.layers],
            )
        while sum(len(ids) for ids, _ in self._kept.values()) > self.limit:
            del self._kept[next(iter(self._kept))]


def _padded(rows: Sequence[torch.Tensor], lengths: Sequence[int]) -> torch.Tensor:
    """The first tokens of each row, each (heads, tokens, size), as (rows, heads, longest, size)."""
    heads, _, size = rows[0].shape
    width = max(lengths)
    whole = rows[0].new_zeros(len(rows), heads, width, size)
    for place, (row, length) in enumerate(zip(rows, lengths, strict=True)):
        whole[place, :, width - length :] = row[:, :length]
    return whole
