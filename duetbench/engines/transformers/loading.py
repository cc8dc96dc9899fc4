"""Loads weights: on which device, in which precision, with which adapter."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from duetbench.engines.tokens.tokenizer import RENDERING_REVISION
from duetbench.errors import EngineError, MissingDependency, ModelError
from duetbench.models.silence_logging import silence_transformers
from duetbench.types import ModelRef

_log = logging.getLogger("duetbench")


@dataclass(frozen=True, slots=True)
class Placement:
    """Where and in which precision a model runs."""

    device: str
    """`cpu` or `cuda`."""
    dtype: str
    """`float32`, `bfloat16` or `float16`."""


def choose_placement(device: str, dtype: str) -> Placement:
    """Replaces `auto` by what this machine supports.

    On a CPU that is float32: without AVX512-BF16 or AMX, torch's bfloat16 was measured 6 to 200 times slower, and even
    with them it was not faster for small models.

    Raises:
        EngineError: cuda was requested and is not available.
    """
    if fault := device_fault(device):
        raise EngineError(fault)
    if device == "cpu" or not _has_cuda():
        return Placement("cpu", "float32" if dtype == "auto" else dtype)
    import torch

    best = "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    return Placement("cuda", best if dtype == "auto" else dtype)


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
        raise _needs_peft() from error


def load_model(model: ModelRef, placement: Placement) -> Any:
    """The model with its adapter, in evaluation mode.

    Raises:
        ModelError: the weights or the adapter cannot be loaded, or the adapter changes nothing.
        MissingDependency: an adapter needs peft.
    """
    import torch
    from transformers import AutoModelForCausalLM

    _log.info("loading %s on %s in %s", model.name, placement.device, placement.dtype)
    with silence_transformers():
        try:
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                model.path, dtype=getattr(torch, placement.dtype), local_files_only=True, use_safetensors=True
            )
        except Exception as error:  # each format and architecture raises errors of its own; all mean an unusable folder
            raise ModelError(f"the model in {model.path} cannot be loaded: {_one_line(error)}") from error
    loaded.to(placement.device)
    loaded.eval()
    if model.adapter:
        loaded = _with_adapter(loaded, Path(model.adapter))
    loaded.requires_grad_(False)
    return loaded


def end_ids(model: Any, tokenizer: Any) -> frozenset[int]:
    """Tokens that end a completion: the tokenizer's and all that the model's own configuration names."""
    named = model.generation_config.eos_token_id
    listed = named if isinstance(named, list) else [named]
    return frozenset(int(token) for token in [*listed, tokenizer.eos_token_id] if token is not None)


def _with_adapter(base: Any, folder: Path) -> Any:
    try:
        from peft import PeftModel
    except ImportError as error:
        raise _needs_peft() from error
    base_logits = _probe_logits(base)
    try:
        with silence_transformers():
            adapted: Any = PeftModel.from_pretrained(base, str(folder))
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        raise ModelError(f"adapter {folder} does not fit the model: {_one_line(error)}") from error
    adapted.eval()
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


def _needs_peft() -> MissingDependency:
    return MissingDependency("a model with an adapter needs peft: pip install 'duetbench[train]'")


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}"
