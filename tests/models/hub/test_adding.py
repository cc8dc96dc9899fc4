"""A card for a model on the hub, made without its weights; and the command line against a server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hub_server import FakeHub

from duetbench.cli.models.new_card import card_for, card_name, write_card
from duetbench.models import load_card, resolve

NAME = "hf:org/tiny-0.6B"


def test_a_card_pins_commit_and_digests_without_fetching_weights(hub: FakeHub, tmp_path: Path) -> None:
    card = card_for(f"{NAME}@main", lambda *_step: None)
    assert "model.safetensors" not in hub.downloads()
    write_card(card, tmp_path / "mine.yaml")
    (source,) = load_card("mine", tmp_path).sources
    assert source.revision == hub.commit("org/tiny-0.6B")
    assert {"model.safetensors", "config.json", "tokenizer.json"} <= set(source.files)
    assert source.disk_mb >= 1


def test_the_card_is_used_in_place_of_the_name(hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_card(card_for(NAME, lambda *_step: None), tmp_path / "mine.yaml")
    monkeypatch.setenv("DUETBENCH_MODELS", str(tmp_path))
    assert resolve("mine").digest == resolve(NAME).digest


@pytest.mark.parametrize(("model", "name"), [("hf:Qwen/Qwen3-0.6B@v1", "qwen3-0.6b"), ("path:/x/My Model", "my-model")])
def test_names_of_cards_are_in_lower_case(model: str, name: str) -> None:
    assert card_name(model) == name


def test_a_model_is_pulled_and_shown_through_the_endpoint_of_the_environment(hub: FakeHub, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.url,
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_CACHE": str(tmp_path / "other"),
        "DUETBENCH_CACHE": str(tmp_path / "own"),
    }

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "duetbench", "models", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    assert f"{NAME} is in {tmp_path / 'other'}" in run("pull", NAME)
    environment["HF_HUB_OFFLINE"] = "1"
    assert f"commit: {hub.commit('org/tiny-0.6B')}" in run("show", NAME)
    assert NAME in run("list")
