"""Log-probabilities of completions that share their prompts, with TRL's own output layer."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, NamedTuple

from duetbench.training.trl.shared_prompts import PaddedBatch, SharedRows, share_prompts

if TYPE_CHECKING:
    from torch import Tensor


def unshared_reason(model: Any) -> str | None:
    """Why the completions of this model have to be read apart, each with its prompt; None: they can share prompts.

    Dropout is no reason: a group then shares the dropout of its prompt.

    Args:
        model: A causal language model, with or without an adapter.
    """
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    config = base.config.get_text_config()
    if getattr(base, "_is_stateful", False):
        return f"{config.model_type} has recurrent layers"
    if getattr(config, "sliding_window", None) or set(getattr(config, "layer_types", None) or ()) - {"full_attention"}:
        return f"{config.model_type} has layers that attend to a part of the sequence only"
    if getattr(config, "alibi", False) or "position_ids" not in inspect.signature(base.forward).parameters:
        return f"{config.model_type} takes positions from the order of the tokens"
    if hasattr(config, "output_router_logits") and getattr(config, "router_aux_loss_coef", None):
        return f"the load balancing loss of {config.model_type} counts every token that is read"
    if config._attn_implementation not in ("sdpa", "eager"):
        return f"{config._attn_implementation} does not accept attention masks"
    return None


def adds_masks(model: Any) -> bool:
    """Whether the model's attention adds its mask to the scores, in place of a mask of truth values."""
    return bool(model.config.get_text_config()._attn_implementation == "eager")


class SharedLogProbs(NamedTuple):
    """What TRL's method returns, and the tokens that were computed for it."""

    log_probs: Tensor
    """(completions, length), 0 at padding."""
    entropies: Tensor | None
    """(completions, length), 0 at padding; None if the model does not compute them."""
    n_tokens: int
    """Tokens that the model read, padding included."""


def shared_log_probs(model: Any, batch: PaddedBatch, *, n_per_pass: int, adds_masks: bool) -> SharedLogProbs:
    """Log-probabilities and entropies of completions, with forward passes that read the prompt of a group once.

    Args:
        model: A model with TRL's fused output layer, possibly wrapped for several processes.
        batch: The completions.
        n_per_pass: Completions per forward pass.
        adds_masks: See the function of this name.
    """
    import torch

    parts = (torch.split(tensor, n_per_pass) for tensor in (batch.input_ids, batch.attention_mask))
    passes = [
        _forward(model, share_prompts(PaddedBatch(ids, mask, batch.n_completion)), adds_masks)
        for ids, mask in zip(*parts, strict=True)
    ]
    log_probs, entropies, n_tokens = zip(*passes, strict=True)
    has_entropies = entropies[0] is not None
    return SharedLogProbs(torch.cat(log_probs), torch.cat(entropies) if has_entropies else None, sum(n_tokens))


def _forward(model: Any, rows: SharedRows, adds_masks: bool) -> SharedLogProbs:
    mask = rows.attention_mask()
    outputs = model(
        input_ids=rows.input_ids,
        attention_mask=_additive(mask) if adds_masks else mask,
        position_ids=rows.position_ids,
        shift_labels=rows.labels,
        fused_lm_head=True,
    )
    entropies = None if outputs.entropy is None else rows.by_completion(outputs.entropy)
    return SharedLogProbs(rows.by_completion(outputs.log_probs), entropies, rows.input_ids.numel())


def _additive(mask: Tensor) -> Tensor:
    import torch

    return torch.zeros(mask.shape, device=mask.device).masked_fill(~mask, torch.finfo(torch.float32).min)
