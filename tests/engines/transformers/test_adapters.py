"""Adapters by path."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from engine_making import make_prompt

from duetbench.engines.transformers.engine import TransformersEngine
from duetbench.errors import MissingDependency, ModelError
from duetbench.models import resolve
from duetbench.types import Sampling

peft = pytest.importorskip("peft")
PROMPT = make_prompt("some people like jazz")


def save_adapter(base: Path, folder: Path, scale: float) -> Path:
    """A LoRA adapter whose second factor is normal noise times `scale`."""
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


def test_an_adapter_changes_completions_and_the_reference(model_folder: Path, tmp_path: Path) -> None:
    adapter = save_adapter(model_folder, tmp_path, 1.0)
    plain, adapted = resolve(f"path:{model_folder}"), resolve(f"path:{model_folder}", adapter=str(adapter))
    sampling = Sampling(max_tokens=12)
    texts = [TransformersEngine(model=ref).generate([PROMPT], sampling)[0].text for ref in (plain, adapted)]
    assert texts[0] != texts[1]
    assert adapted.digest == plain.digest
    assert adapted.adapter_digest


def test_an_adapter_of_zeros_is_an_error(model_folder: Path, tmp_path: Path) -> None:
    adapter = save_adapter(model_folder, tmp_path, 0.0)
    engine = TransformersEngine(model=resolve(f"path:{model_folder}", adapter=str(adapter)))
    with pytest.raises(ModelError, match="changes nothing"):
        engine.generate([PROMPT], Sampling(max_tokens=3))


def test_an_adapter_without_peft_names_the_command(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = save_adapter(model_folder, tmp_path, 1.0)
    engine = TransformersEngine(model=resolve(f"path:{model_folder}", adapter=str(adapter)))
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingDependency, match=r"pip install 'duetbench\[train\]'"):
        engine.generate([PROMPT], Sampling(max_tokens=3))


def test_missing_files_of_an_adapter_folder_are_named(model_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"adapter_config\.json and adapter_model\.safetensors"):
        resolve(f"path:{model_folder}", adapter=str(tmp_path))
