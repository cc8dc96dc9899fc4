"""Files of weights: small valid ones, and changed copies of a model folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

WEIGHTS = "model.safetensors"

Change = Callable[[dict[str, Any]], None]
"""Changes tensors by name, in place."""


def write_weights(path: Path, *names: str, value: float = 0.0, dtype: str = "float32") -> Path:
    """A safetensors file with one number under each name."""
    import numpy as np
    from safetensors.numpy import save_file

    save_file({name: np.full(1, value, dtype) for name in names or ("weight",)}, path)
    return path


def changed_copy(folder: Path, target: Path, change: Change, *, file: str = WEIGHTS) -> Path:
    """A copy of a folder in which the tensors of one file are changed."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(folder, target)
    tensors = dict(load_file(folder / file))
    change(tensors)
    save_file(tensors, target / file, metadata={"format": "pt"})
    return target


def save_adapter(base: Path, folder: Path, scale: float) -> Path:
    """A LoRA adapter whose second factor is normal noise times `scale`."""
    import peft
    import torch
    from transformers import AutoModelForCausalLM

    config = peft.LoraConfig(r=2, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    model: Any = peft.get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    torch.manual_seed(1)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=scale) if scale else weight.zero_()
    model.save_pretrained(folder)
    return folder
