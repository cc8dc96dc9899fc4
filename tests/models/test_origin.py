"""An adapter's folder as a model: with its base and the base's card."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from weights_making import WEIGHTS, write_weights

from duetbench.errors import DigestMismatch, ModelError
from duetbench.models import card_of, load_card, resolve
from duetbench.models.origin import ORIGIN, Origin, write_origin
from duetbench.runner.planning.resolver import model_choice


def adapter(folder: Path, base: str | None = "toy-lm", named: str = "somewhere/else") -> Path:
    """A folder that looks like an adapter, with `base` in its origin and `named` in its configuration."""
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": named}))
    write_weights(folder / "adapter_model.safetensors")
    if base:
        write_origin(folder, Origin(base, resolve(base).digest))
    return folder


def test_an_adapter_folder_is_its_base_with_the_adapter(tmp_path: Path) -> None:
    folder, base = adapter(tmp_path / "best"), resolve("toy-lm")
    reference = resolve(f"path:{folder}")
    assert (reference.path, reference.digest, reference.context_length) == (base.path, base.digest, base.context_length)
    assert reference.adapter == str(folder)
    assert reference.adapter_digest == resolve("toy-lm", adapter=str(folder)).adapter_digest


def test_options_of_the_card_of_the_base_apply_to_its_adapter(tmp_path: Path) -> None:
    choice = model_choice(f"path:{adapter(tmp_path / 'best')}")
    assert choice.options == load_card("toy-lm").options != {}


def test_two_adapters_of_one_base_are_two_models(tmp_path: Path) -> None:
    first, second = adapter(tmp_path / "one"), adapter(tmp_path / "two")
    write_weights(second / "adapter_model.safetensors", value=1)
    assert model_choice(f"path:{first}").identity != model_choice(f"path:{second}").identity


def test_a_base_with_other_weights_is_an_error(tmp_path: Path) -> None:
    folder = adapter(tmp_path / "best")
    write_origin(folder, Origin("toy-lm", "0" * 64))
    with pytest.raises(DigestMismatch, match="was trained on toy-lm with digest 000000000000"):
        resolve(f"path:{folder}")


def test_a_third_party_adapter_names_its_base_in_its_configuration(tmp_path: Path) -> None:
    by_name = adapter(tmp_path / "one", base=None, named="toy-lm")
    assert resolve(f"path:{by_name}").context_length == load_card("toy-lm").context_length
    by_folder = adapter(tmp_path / "two", base=None, named=resolve("toy-lm").path)
    assert resolve(f"path:{by_folder}").digest == resolve("toy-lm").digest
    assert card_of(f"path:{by_folder}") is None
    by_repo = adapter(tmp_path / "three", base=None, named="Qwen/Qwen3-8B")
    assert card_of(f"path:{by_repo}") == load_card("qwen3-8b")


def test_an_adapter_with_an_unknown_base_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="for 'somewhere/else', which has no card"):
        resolve(f"path:{adapter(tmp_path / 'best', base=None)}")


def test_a_second_adapter_is_an_error(tmp_path: Path) -> None:
    folder = adapter(tmp_path / "best")
    with pytest.raises(ModelError, match="is an adapter itself"):
        resolve(f"path:{folder}", adapter=str(folder))


def test_a_damaged_origin_is_an_error(tmp_path: Path) -> None:
    folder = adapter(tmp_path / "best")
    (folder / ORIGIN).write_text('{"what": 1}')
    with pytest.raises(ModelError, match=r"duetbench\.json is damaged"):
        resolve(f"path:{folder}")


def test_fully_trained_weights_have_the_card_of_their_base(tmp_path: Path) -> None:
    base = Path(resolve("toy-lm").path)
    folder = tmp_path / "best"
    folder.mkdir()
    for file in base.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    write_weights(folder / WEIGHTS, value=1)
    write_origin(folder, Origin("toy-lm", resolve("toy-lm").digest))
    reference = resolve(f"path:{folder}")
    assert (reference.path, reference.context_length) == (str(folder), load_card("toy-lm").context_length)
    assert reference.digest != resolve("toy-lm").digest
    assert model_choice(f"path:{folder}").options == load_card("toy-lm").options
