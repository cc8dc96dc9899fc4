"""A hub with a tiny model, and an empty cache."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_server import FakeHub, hub_server
from huggingface_hub import constants
from tiny_world import make_tiny_model

from duetbench.models.hub import repository

REPO = "org/tiny-0.6B"


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model with random weights."""
    return make_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def hub(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """The hub of this test, with the model as `org/tiny-0.6B`."""
    repository._files_of.cache_clear()
    with hub_server() as server:
        server.repositories[REPO] = Path(shutil.copytree(tiny_folder, tmp_path / "repository"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield server
