"""Pickled weights and GGUF files become model folders; code in a pickle is never run."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from models_making import write_gguf
from tiny_world import make_tiny_model

from duetbench.errors import ModelError
from duetbench.models import resolve
from duetbench.models.convert import convert
from duetbench.models.weights import check_model


@pytest.fixture
def pickled(tmp_path: Path) -> Path:
    """A model folder whose weights are a pickle."""
    import torch
    from safetensors.torch import load_file

    folder = tmp_path / "pickled"
    folder.mkdir()
    weights = make_tiny_model(folder) / "model.safetensors"
    torch.save(load_file(weights), folder / "pytorch_model.bin")
    weights.unlink()
    return folder


def test_pickled_weights_become_a_model_folder(pickled: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is a pickle"):
        resolve(f"path:{pickled}")
    convert(pickled, tmp_path / "out")
    check_model(resolve(f"path:{tmp_path / 'out'}"))
    assert not list((tmp_path / "out").glob("*.bin"))


class Hostile:
    """Runs code when it is read."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> Any:
        return (Path.touch, (self.proof,))


def test_code_in_a_pickle_is_not_run(pickled: Path, tmp_path: Path) -> None:
    (pickled / "pytorch_model.bin").write_bytes(pickle.dumps({"x": Hostile(tmp_path / "proof")}, protocol=2))
    with pytest.raises(ModelError, match="cannot be loaded"):
        convert(pickled, tmp_path / "out")
    assert not (tmp_path / "proof").exists()
    assert not (tmp_path / "out").exists()


def test_a_gguf_file_becomes_a_model_folder(tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    write_gguf(tmp_path / "tiny.gguf")
    convert(tmp_path / "tiny.gguf", tmp_path / "out")
    check_model(resolve(f"path:{tmp_path / 'out'}"))


def test_a_gguf_file_without_a_layer_is_an_error(tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    write_gguf(tmp_path / "tiny.gguf", without="blk.0.ffn_up.weight")
    with pytest.raises(ModelError, match=r"missing: model\.layers\.0\.mlp\.up_proj\.weight"):
        convert(tmp_path / "tiny.gguf", tmp_path / "out")


def test_nothing_is_overwritten(pickled: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="exists: remove it"):
        convert(pickled, tmp_path)


def test_a_folder_without_pickles_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"has no pytorch_model\.bin"):
        convert(tmp_path / "empty", tmp_path / "out")
