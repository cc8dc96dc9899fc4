"""An adapter's folder as a model: with its base, and with what the base's card says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from duetbench.errors import DigestMismatch, ModelError
from duetbench.models import card_of, load_card, resolve
from duetbench.models.origin import ORIGIN, Origin, write_origin
from duetbench.runner.planning.resolver import model_choice


def adapter(folder: Path, base: str | None = "toy-lm", named: str = "somewhere/else") -> Path:
    """A folder that looks like an adapter; `base` stands in its origin, `named` in its configuration."""
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": named}))
    (folder / "adapter_model.safetensors").write_text("weights")
    if base:
        write_origin(folder, Origin(base, resolve(base).digest))
    return folder


def test_an_adapter_s_folder_is_its_base_with_the_adapter(tmp_path: Path) -> None:
    folder, base = adapter(tmp_path / "best"), resolve("toy-lm")
    found = resolve(f"path:{folder}")
    assert (found.path, found.digest, found.context_length) == (base.path, base.digest, base.context_length)
    assert found.adapter == str(folder)
    assert found.adapter_digest == resolve("toy-lm", adapter=str(folder)).adapter_digest


def test_options_of_the_base_s_card_hold_for_its_adapter(tmp_path: Path) -> None:
    choice = model_choice(f"path:{adapter(tmp_path / 'best')}")
    assert choice.options == load_card("toy-lm").options != {}


def test_two_adapters_of_one_base_are_two_models(tmp_path: Path) -> None:
    one, two = adapter(tmp_path / "one"), adapter(tmp_path / "two")
    (two / "adapter_model.safetensors").write_text("others")
    assert model_choice(f"path:{one}").identity != model_choice(f"path:{two}").identity


def test_a_base_with_other_weights_is_refused(tmp_path: Path) -> None:
    folder = adapter(tmp_path / "best")
    write_origin(folder, Origin("toy-lm", "0" * 64))
    with pytest.raises(DigestMismatch, match="was trained on toy-lm with digest 000000000000"):
        resolve(f"path:{folder}")


def test_a_stranger_s_adapter_names_its_base_in_its_configuration(tmp_path: Path) -> None:
    by_name = adapter(tmp_path / "one", base=None, named="toy-lm")
    assert resolve(f"path:{by_name}").context_length == load_card("toy-lm").context_length
    by_folder = adapter(tmp_path / "two", base=None, named=resolve("toy-lm").path)
    assert resolve(f"path:{by_folder}").digest == resolve("toy-lm").digest
    assert card_of(f"path:{by_folder}") is None
    by_repo = adapter(tmp_path / "three", base=None, named="Qwen/Qwen3-8B")
    assert card_of(f"path:{by_repo}") == load_card("qwen3-8b")


def test_an_adapter_whose_base_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="for 'somewhere/else', which no card knows"):
        resolve(f"path:{adapter(tmp_path / 'best', base=None)}")


def test_an_adapter_takes_no_second_one(tmp_path: Path) -> None:
    folder = adapter(tmp_path / "best")
    with pytest.raises(ModelError, match="is an adapter itself"):
        resolve(f"path:{folder}", adapter=str(folder))


def test_a_damaged_origin_is_named(tmp_path: Path) -> None:
    folder = adapter(tmp_path / "best")
    (folder / ORIGIN).write_text('{"what": 1}')
    with pytest.raises(ModelError, match=r"duetbench\.json is damaged"):
        resolve(f"path:{folder}")


def test_weights_that_were_trained_whole_keep_the_card_of_their_start(tmp_path: Path) -> None:
    base = Path(resolve("toy-lm").path)
    folder = tmp_path / "best"
    folder.mkdir()
    for file in base.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "model.safetensors").write_bytes(b"others")
    write_origin(folder, Origin("toy-lm", resolve("toy-lm").digest))
    found = resolve(f"path:{folder}")
    assert (found.path, found.context_length) == (str(folder), load_card("toy-lm").context_length)
    assert found.digest != resolve("toy-lm").digest
    assert model_choice(f"path:{folder}").options == load_card("toy-lm").options
