"""The tokens that a model folder declares."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from duetbench.engines.tokens.tokenizer import end_ids, load_tokenizer
from duetbench.errors import ModelError
from duetbench.types import ModelRef


@pytest.fixture
def folder(model: ModelRef, tmp_path: Path) -> Path:
    """The tokenizer and the configurations of a model."""
    names = shutil.ignore_patterns("*.safetensors")
    return Path(shutil.copytree(model.path, tmp_path / "model", ignore=names))


def configure(folder: Path, file: str, **changes: Any) -> None:
    path = folder / file
    path.write_text(json.dumps({**(json.loads(path.read_text()) if path.is_file() else {}), **changes}))


def reference(folder: Path) -> ModelRef:
    return ModelRef("path:x", str(folder), "")


def test_a_tokenizer_with_more_tokens_than_embeddings_is_an_error(folder: Path) -> None:
    size = max(load_tokenizer(reference(folder)).get_vocab().values()) + 1
    configure(folder, "config.json", vocab_size=size)
    load_tokenizer(reference(folder))
    configure(folder, "config.json", vocab_size=size - 2)
    with pytest.raises(ModelError, match=rf"has 2 tokens beyond the {size - 2} embeddings"):
        load_tokenizer(reference(folder))


def test_end_tokens_are_those_of_tokenizer_and_configuration(folder: Path) -> None:
    tokenizer = load_tokenizer(reference(folder))
    user = tokenizer.convert_tokens_to_ids("<|user|>")
    configure(folder, "generation_config.json", eos_token_id=[tokenizer.eos_token_id, user])
    assert end_ids(folder, tokenizer) == {tokenizer.eos_token_id, user}


def test_the_models_configuration_names_end_tokens_if_no_other_does(folder: Path) -> None:
    tokenizer = load_tokenizer(reference(folder))
    (folder / "generation_config.json").unlink()
    user = tokenizer.convert_tokens_to_ids("<|user|>")
    configure(folder, "config.json", eos_token_id=user)
    assert end_ids(folder, tokenizer) == {tokenizer.eos_token_id, user}


def test_ordinary_text_does_not_end_completions(folder: Path) -> None:
    tokenizer = load_tokenizer(reference(folder))
    configure(folder, "generation_config.json", eos_token_id=tokenizer.convert_tokens_to_ids("e"))
    with pytest.raises(ModelError, match=r"names ordinary text \('e'\): remove it from generation_config\.json"):
        end_ids(folder, tokenizer)
