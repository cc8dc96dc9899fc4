"""Adapters by path."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engine_making import make_prompt
from weights_making import Change, changed_copy, save_adapter

from duetbench.engines.transformers.engine import TransformersEngine
from duetbench.engines.transformers.loading import DevicePlacement, load_model
from duetbench.errors import DigestMismatch, MissingDependency, ModelError
from duetbench.models import resolve
from duetbench.models.weights import check_model
from duetbench.types import Sampling

peft = pytest.importorskip("peft")
PROMPT = make_prompt("some people like jazz")


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


ADAPTER = "adapter_model.safetensors"
LAYER = "base_model.model.model.layers.1.self_attn.q_proj.lora_A"


def configured(folder: Path, **changes: Any) -> Path:
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps({**config, **changes}))
    return folder


def load(base: Path, adapter: Path) -> Any:
    return load_model(resolve(f"path:{base}", adapter=str(adapter)), DevicePlacement("cpu", "float32"))


def add_layer(tensors: dict[str, Any]) -> None:
    tensors[LAYER.replace(".1.", ".7.") + ".weight"] = tensors[f"{LAYER}.weight"].clone()


def make_infinite(tensors: dict[str, Any]) -> None:
    tensors[f"{LAYER}.weight"][0, 0] = float("nan")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors: tensors.pop(f"{LAYER}.weight"), rf"adapter .* \(missing: {LAYER}"),
        (add_layer, r"unknown: base_model\.model\.model\.layers\.7"),
        (make_infinite, "are not finite numbers"),
    ],
    ids=["missing layer", "additional layer", "infinite"],
)
def test_weights_of_an_adapter_are_named(model_folder: Path, tmp_path: Path, change: Change, message: str) -> None:
    adapter = changed_copy(save_adapter(model_folder, tmp_path / "a", 1.0), tmp_path / "b", change, file=ADAPTER)
    with pytest.raises(ModelError, match=message):
        load(model_folder, adapter)
    with pytest.raises(ModelError, match=message):
        check_model(resolve(f"path:{model_folder}", adapter=str(adapter)))


@pytest.mark.parametrize(
    "changes", [{"r": 4}, {"rank_pattern": {"q_proj": 4}}, {"target_modules": ["k_proj"]}], ids=str
)
def test_another_configuration_than_that_of_the_adapter_is_an_error(
    model_folder: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    adapter = configured(save_adapter(model_folder, tmp_path, 1.0), **changes)
    with pytest.raises(ModelError, match=r"does not fit the model|do not fit the configuration"):
        load(model_folder, adapter)


def test_an_adapter_of_another_base_is_an_error(
    make_model: Callable[[int], Path], model_folder: Path, tmp_path: Path
) -> None:
    adapter, other = save_adapter(model_folder, tmp_path / "a", 1.0), make_model(5)
    with pytest.raises(DigestMismatch, match=r"was trained on .*, not on"):
        resolve(f"path:{other}", adapter=str(adapter))


def test_an_adapter_whose_base_is_not_here_is_used_as_asked(model_folder: Path, tmp_path: Path) -> None:
    adapter = configured(save_adapter(model_folder, tmp_path, 1.0), base_model_name_or_path="elsewhere/base")
    assert load(model_folder, adapter) is not None
