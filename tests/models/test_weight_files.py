"""Files of weights that are missing, damaged or of another copy are found without loading them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from weights_making import WEIGHTS, write_weights

from duetbench.errors import ModelError
from duetbench.models.folder import check_adapter_folder, check_model_folder
from duetbench.models.weight_files import INDEX, listed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A complete folder with two shards."""
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    write_weights(tmp_path / "a.safetensors", "x")
    write_weights(tmp_path / "b.safetensors", "y", "z")
    return with_index(tmp_path, x="a", y="b", z="b")


def with_index(folder: Path, **shards: str) -> Path:
    weight_map = {name: f"{shard}.safetensors" for name, shard in shards.items()}
    (folder / INDEX).write_text(json.dumps({"weight_map": weight_map}))
    return folder


def test_complete_shards_pass(folder: Path) -> None:
    check_model_folder(folder)


def test_missing_shards_are_named(folder: Path) -> None:
    (folder / "b.safetensors").unlink()
    with pytest.raises(ModelError, match=r"lacks weight files b\.safetensors"):
        check_model_folder(folder)


def test_a_weight_that_its_shard_lacks_is_named(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"lack w \(b\.safetensors\): model\.safetensors\.index\.json is of another"):
        check_model_folder(with_index(folder, x="a", y="b", z="b", w="b"))


def test_a_weight_that_the_index_lacks_is_named(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"contain, beyond the index, z \(b\.safetensors\)"):
        check_model_folder(with_index(folder, x="a", y="b"))


def test_a_file_beside_an_index_is_ambiguous(folder: Path) -> None:
    write_weights(folder / WEIGHTS, "x")
    with pytest.raises(ModelError, match=r"both model\.safetensors and model\.safetensors\.index\.json"):
        check_model_folder(folder)


def test_a_truncated_file_is_an_error(folder: Path) -> None:
    shard = folder / "b.safetensors"
    shard.write_bytes(shard.read_bytes()[:-3])
    with pytest.raises(ModelError, match=r"b\.safetensors is damaged or incomplete .*copy or fetch it again"):
        check_model_folder(folder)


def test_another_name_of_the_weights_is_named(folder: Path) -> None:
    (folder / INDEX).unlink()
    with pytest.raises(ModelError, match=r"lacks weights .*there is only a\.safetensors, b\.safetensors"):
        check_model_folder(folder)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "consolidated.00.pth"])
def test_pickled_weights_are_refused_with_the_command_that_converts_them(folder: Path, name: str) -> None:
    (folder / INDEX).unlink()
    (folder / name).write_bytes(b"anything")
    with pytest.raises(ModelError, match=rf"{name} is a pickle.*duetbench models convert"):
        check_model_folder(folder)


def test_a_gguf_file_is_refused_with_the_command_that_converts_it(folder: Path) -> None:
    (folder / INDEX).unlink()
    (folder / "m.gguf").write_bytes(b"anything")
    with pytest.raises(ModelError, match=r"duetbench models convert .*m\.gguf OUT"):
        check_model_folder(folder)


def test_weights_in_integers_need_a_quantization_config(folder: Path) -> None:
    write_weights(folder / "a.safetensors", "x.weight", dtype="int8")
    with_index(folder, y="b", z="b", **{"x.weight": "a"})
    with pytest.raises(ModelError, match=r"integers \(x\.weight\), but config\.json has no quantization_config"):
        check_model_folder(folder)
    (folder / "config.json").write_text('{"quantization_config": {}}')
    check_model_folder(folder)


def test_a_damaged_adapter_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    (tmp_path / "adapter_model.safetensors").write_bytes(b"short")
    with pytest.raises(ModelError, match="is damaged or incomplete"):
        check_adapter_folder(tmp_path)


def test_a_pickled_adapter_is_refused(tmp_path: Path) -> None:
    for name in ("adapter_config.json", "adapter_model.bin"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(ModelError, match=r"lacks adapter_model\.safetensors .*is a pickle"):
        check_adapter_folder(tmp_path)


def test_long_lists_are_cut() -> None:
    assert listed("gfedcba") == "a, b, c, d, e and 2 more"
