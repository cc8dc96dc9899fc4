"""Keys and values of prompts, kept for the next prompt with the same beginning: the next slot of a template."""

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
    """Keys and values of prompts by name; the least recently kept are evicted first.

    Valid for one set of weights: a new cache is needed when the weights change.

    Args:
        limit: Tokens that are kept, all prompts together.
    """

    limit: int
    _entries: dict[Hashable, tuple[tuple[int, ...], Layers]] = field(default_factory=dict)
    """Token ids, and for each layer keys and values, each (heads, tokens, size)."""

    def known(self, name: Hashable, ids: Sequence[int]) -> int:
        """The number of leading tokens of a prompt that are cached, at most all but the last: its output is needed."""
        cached_ids = self._entries[name][0] if name in self._entries else ()
        limit = min(len(cached_ids), len(ids) - 1)
        return next((position for position in range(limit) if cached_ids[position] != ids[position]), limit)

    def cache(self, names: Sequence[Hashable], lengths: Sequence[int], config: Any) -> DynamicCache:
        """Keys and values of each prompt's first `lengths` tokens, left-padded to the longest."""
        from transformers import DynamicCache

        cache = DynamicCache(config=config)
        entries = [self._entries[name][1] for name in names]
        for layer in range(len(entries[0])):
            keys, values = (_padded([layers[layer][part] for layers in entries], lengths) for part in (0, 1))
            cache.update(keys, values, layer)
        return cache

    def keep(self, names: Sequence[Hashable], prompts: Sequence[Sequence[int]], mask: torch.Tensor, cache: Any) -> None:
        """Adds the keys and values of a pass, if every layer holds all positions (a sliding window does not).

        Args:
            names: One per prompt.
            prompts: Token ids.
            mask: (prompts, tokens) of the pass: 1 for the tokens of the prompt.
            cache: The pass's `DynamicCache`.
        """
        if any(getattr(layer, "keys", None) is None or layer.keys.shape[2] != mask.shape[1] for layer in cache.layers):
            return
        for row, (name, ids) in enumerate(zip(names, prompts, strict=True)):
            positions = mask[row].nonzero()[:, 0]
            self._entries.pop(name, None)
            self._entries[name] = (
                tuple(ids),
                [(layer.keys[row][:, positions], layer.values[row][:, positions]) for layer in cache.layers],
            )
        while sum(len(ids) for ids, _ in self._entries.values()) > self.limit:
            del self._entries[next(iter(self._entries))]


def _padded(rows: Sequence[torch.Tensor], lengths: Sequence[int]) -> torch.Tensor:
    """The first tokens of each row, each (heads, tokens, size), as (rows, heads, longest, size)."""
    heads, _, size = rows[0].shape
    width = max(lengths)
    padded = rows[0].new_zeros(len(rows), heads, width, size)
    for position, (row, length) in enumerate(zip(rows, lengths, strict=True)):
        padded[position, :, width - length :] = row[:, :length]
    return padded
