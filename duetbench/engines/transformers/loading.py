"""Loads weights: on which device, in which precision, with which adapter."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from duetbench.engines.tokens.tokenizer import RENDERING_REVISION
from duetbench.errors import EngineError, ModelError
from duetbench.models.weights import add_adapter, check_finite, load_weights, needs_peft
from duetbench.types import ModelRef

_log = logging.getLogger("duetbench")


@dataclass(frozen=True, slots=True)
class DevicePlacement:
    """Where and in which precision a model runs."""

    device: str
    """`cpu` or `cuda`."""
    dtype: str
    """`float32`, `bfloat16` or `float16`."""


def choose_placement(device: str, dtype: str) -> DevicePlacement:
    """Replaces `auto` by what this machine supports.

    On a CPU that is float32: without AVX512-BF16 or AMX, torch's bfloat16 was measured 6 to 200 times slower, and even
    with them it was not faster for small models.

    Raises:
        EngineError: cuda was requested and is not available.
    """
    if fault := device_fault(device):
        raise EngineError(fault)
    if device == "cpu" or not _has_cuda():
        return DevicePlacement("cpu", "float32" if dtype == "auto" else dtype)
    import torch

    best = "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    return DevicePlacement("cuda", best if dtype == "auto" else dtype)


def device_fault(device: str) -> str | None:
    """Why the device cannot be used on this machine; None if it can."""
    if device != "cuda" or _has_cuda():
        return None
    return "device=cuda was requested, but torch finds no GPU; set device=cpu or auto"


def _has_cuda() -> bool:
    if version("torch").endswith("+cpu"):
        return False  # known without the seconds that importing torch takes
    import torch

    return torch.cuda.is_available()


def package_versions(model: ModelRef) -> dict[str, str]:
    """Versions of the packages that can change a completion of torch weights."""
    names = ["torch", "transformers", *(["peft"] if model.adapter else [])]
    try:
        return {**{name: version(name) for name in names}, "prompt rendering": RENDERING_REVISION}
    except ImportError as error:
        raise needs_peft() from error


def load_model(model: ModelRef, placement: DevicePlacement) -> Any:
    """The model with its adapter, in evaluation mode.

    Raises:
        ModelError: weights or adapter cannot be loaded completely, are not finite, or the adapter changes nothing.
        MissingDependency: an adapter needs peft.
    """
    import torch

    _log.info("loading %s on %s in %s", model.name, placement.device, placement.dtype)
    loaded = load_weights(Path(model.path), dtype=getattr(torch, placement.dtype), use_safetensors=True)
    loaded.to(placement.device)
    loaded.eval()
    check_finite(f"the weights in {model.path}, in {placement.dtype},", loaded.named_parameters())
    if model.adapter:
        loaded = with_adapter(loaded, Path(model.adapter))
    loaded.requires_grad_(False)
    return loaded


def with_adapter(base: Any, folder: Path) -> Any:
    """The model with an adapter, whose layers replace those of `base` until `unload` is called on the result.

    Raises:
        ModelError: the adapter does not fit, is not finite, or changes nothing.
        MissingDependency: an adapter needs peft.
    """
    base_logits = _probe_logits(base)
    adapted = add_adapter(base, folder)
    check_finite(f"the weights of adapter {folder}", adapted.named_parameters())
    if bool((_probe_logits(adapted) == base_logits).all()):
        raise ModelError(
            f"adapter {folder} changes nothing: its weights are zero, or they belong to another model; "
            "select the base model with --model if no adapter is intended"
        )
    return adapted


def _probe_logits(model: Any) -> Any:
    """Logits after a few fixed tokens."""
    import torch

    size = int(model.config.get_text_config().vocab_size)
    ids = torch.tensor([[number * size // 16 for number in range(1, 16)]], device=model.device)
    with torch.inference_mode():
        return model(input_ids=ids).logits.float()
