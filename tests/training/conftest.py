"""A model of two layers with random weights, and its tokenizer."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_world import make_tiny_model

from duetbench.types import ModelRef


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a Llama with two layers, which writes random text."""
    return make_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def tiny_ref(tiny_folder: Path) -> ModelRef:
    """The reference to that model."""
    from duetbench.models import resolve

    return resolve(f"path:{tiny_folder}")
