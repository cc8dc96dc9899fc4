"""Weights that do not belong to the model are errors that name them; nothing is drawn at random or left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from engine_making import make_prompt
from weights_making import Change, changed_copy

from duetbench.engines.transformers.engine import TransformersEngine
from duetbench.engines.transformers.loading import DevicePlacement, load_model
from duetbench.errors import ModelError
from duetbench.models import resolve
from duetbench.models.weights import check_model
from duetbench.types import Sampling

CPU = DevicePlacement("cpu", "float32")
UP = "model.layers.1.mlp.up_proj.weight"
EMBEDDINGS, HEAD = "model.embed_tokens.weight", "lm_head.weight"


def rename(tensors: dict[str, Any]) -> None:
    tensors["model.layers.1.mlp.upward.weight"] = tensors.pop(UP)


def reshape(tensors: dict[str, Any]) -> None:
    tensors[UP] = tensors[UP][:3].clone()


def make_infinite(tensors: dict[str, Any]) -> None:
    tensors[UP][0, 0] = float("inf")


FAULTS: list[tuple[Change, str]] = [
    (lambda tensors: tensors.pop(UP), rf"do not fit the configuration \(missing: {UP}\)"),
    (rename, rf"missing: {UP}; unknown: model\.layers\.1\.mlp\.upward\.weight"),
    (lambda tensors: tensors.update(extra=tensors[UP].clone()), r"unknown: extra"),
    (reshape, rf"of another shape: {UP} \(3, 32\) instead of \(64, 32\)"),
    (lambda tensors: tensors.pop(EMBEDDINGS), rf"missing: {HEAD}, {EMBEDDINGS}"),
    (make_infinite, rf"are not finite numbers \({UP}\)"),
]
IDS = ["missing", "renamed", "additional", "of another shape", "without embeddings", "infinite"]


@pytest.mark.parametrize(("change", "message"), FAULTS, ids=IDS)
def test_the_weights_are_named(model_folder: Path, tmp_path: Path, change: Change, message: str) -> None:
    model = resolve(f"path:{changed_copy(model_folder, tmp_path / 'm', change)}")
    with pytest.raises(ModelError, match=message):
        load_model(model, CPU)


@pytest.mark.parametrize(("change", "message"), FAULTS, ids=IDS)
def test_they_are_named_without_loading_the_model(
    model_folder: Path, tmp_path: Path, change: Change, message: str
) -> None:
    model = resolve(f"path:{changed_copy(model_folder, tmp_path / 'm', change)}")
    with pytest.raises(ModelError, match=message):
        check_model(model)


def test_an_engine_answers_nothing_with_other_weights(model_folder: Path, tmp_path: Path) -> None:
    engine = TransformersEngine(model=resolve(f"path:{changed_copy(model_folder, tmp_path / 'm', rename)}"))
    with pytest.raises(ModelError, match="unknown"):
        engine.generate([make_prompt("jazz")], Sampling(max_tokens=3))


def test_a_training_does_not_start_with_other_weights(model_folder: Path, tmp_path: Path) -> None:
    from duetbench.training.options import TrainerSettings
    from duetbench.training.policy import Policy

    policy = Policy(resolve(f"path:{changed_copy(model_folder, tmp_path / 'm', rename)}"), TrainerSettings())
    with pytest.raises(ModelError, match="unknown"):
        _ = policy.model


def test_tied_embeddings_need_no_output_layer(model_folder: Path, tmp_path: Path) -> None:
    def add_equal_head(tensors: dict[str, Any]) -> None:
        tensors[HEAD] = tensors[EMBEDDINGS].clone()

    for model in (model_folder, changed_copy(model_folder, tmp_path / "m", add_equal_head)):
        loaded = load_model(resolve(f"path:{model}"), CPU)
        assert loaded.get_output_embeddings().weight is loaded.get_input_embeddings().weight


def test_another_output_layer_beside_tied_embeddings_is_an_error(model_folder: Path, tmp_path: Path) -> None:
    def add_other_head(tensors: dict[str, Any]) -> None:
        tensors[HEAD] = 2 * tensors[EMBEDDINGS]

    model = resolve(f"path:{changed_copy(model_folder, tmp_path / 'm', add_other_head)}")
    with pytest.raises(ModelError, match="set it to false, or remove the output layer"):
        load_model(model, CPU)


def test_untied_embeddings_need_an_output_layer(model_folder: Path, tmp_path: Path) -> None:
    folder = changed_copy(model_folder, tmp_path / "m", lambda tensors: None)
    configure(folder, tie_word_embeddings=False)
    with pytest.raises(ModelError, match=rf"missing: {HEAD}"):
        load_model(resolve(f"path:{folder}"), CPU)


def test_values_beyond_the_precision_are_an_error(model_folder: Path, tmp_path: Path) -> None:
    def enlarge(tensors: dict[str, Any]) -> None:
        tensors[UP][0, 0] = 1e5

    model = resolve(f"path:{changed_copy(model_folder, tmp_path / 'm', enlarge)}")
    load_model(model, CPU)
    with pytest.raises(ModelError, match=r"in float16, are not finite .*choose bfloat16 or float32"):
        load_model(model, DevicePlacement("cpu", "float16"))


def test_quantized_weights_without_their_package_name_it(model_folder: Path, tmp_path: Path) -> None:
    folder = changed_copy(model_folder, tmp_path / "m", lambda tensors: None)
    configure(folder, quantization_config={"quant_method": "gptq", "bits": 4})
    with pytest.raises(ModelError, match=r"cannot be loaded: .*(gptq|optimum)"):
        load_model(resolve(f"path:{folder}"), CPU)


def test_code_of_a_model_is_never_run(model_folder: Path, tmp_path: Path) -> None:
    folder = changed_copy(model_folder, tmp_path / "m", lambda tensors: None)
    configure(folder, model_type="novel", auto_map={"AutoConfig": "code.C", "AutoModelForCausalLM": "code.M"})
    (folder / "code.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(ModelError, match="is never run: choose a model that transformers knows"):
        load_model(resolve(f"path:{folder}"), CPU)
    assert not (tmp_path / "ran").exists()


def configure(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changes}))
