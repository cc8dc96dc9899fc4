"""Token weights that turn TRL's loss dapo into a mean over batches of completions of a stated size (bnpo).

TRL's own bnpo averages over the tokens of each micro-batch, so that a setting meant for memory changes the gradient.
Here the batches have a size of their own: with `batch_size` completions per batch, the loss of an update is the mean
over its batches of the mean over the batch's tokens. verl's `token-mean` is the same with its micro-batches as the
batches, each weighted by its number of completions, which may differ between batches there and is equal here.
"""

from __future__ import annotations

from typing import Any


def add_loss_weights(chunks: list[dict[str, Any]], *, per_update: int, batch_size: int, n_processes: int) -> None:
    """Replaces the token masks of a round by weights, in place.

    dapo's loss is the sum of weight x loss over tokens, divided by `num_items_in_batch` / (processes x updates of the
    round). The weights of an update add up to its number of tokens, so that TRL's logged means keep their scale.

    Args:
        chunks: TRL's micro-batches of one round, in the order of their use; one process's share.
        per_update: Completions per update in this process; a multiple of the size of a chunk.
        batch_size: Completions per batch; divides `per_update`.
        n_processes: Processes that train together.
    """
    import torch

    masks = [chunk["completion_mask"] * chunk.get("tool_mask", 1) for chunk in chunks]
    counts = torch.cat([mask.sum(dim=1) for mask in masks]).float()  # (completions of the round,)
    per_batch = counts.view(-1, batch_size).sum(dim=1)  # (batches of the round,)
    per_batch_mean = counts.view(-1, per_update).sum(dim=1) / (per_update // batch_size)  # (updates of the round,)
    in_update = per_batch_mean.repeat_interleave(per_update // batch_size)
    weights = (in_update / per_batch.clamp(min=1)).repeat_interleave(batch_size)  # (completions of the round,)
    updates = counts.view(-1, per_update).sum(dim=1)
    size = len(masks[0])
    for number, (chunk, mask) in enumerate(zip(chunks, masks, strict=True)):
        first = number * size
        n_tokens = updates[first // per_update].clamp(min=1)
        chunk["tool_mask"] = mask * weights[first : first + size].unsqueeze(1)  # (completions of the chunk, tokens)
        chunk["num_items_in_batch"] = n_tokens * n_processes * len(updates)
