"""The command line on a small world: stand-ins from a plugin file, a model folder without a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from grid_making import PLUGIN, make_model_folder

from duetbench.cli import main


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to run commands in, with a model folder `model`."""
    monkeypatch.chdir(tmp_path)
    make_model_folder(tmp_path / "model")
    return tmp_path


@pytest.fixture
def cli(work: Path) -> Callable[..., Result]:
    """Runs a command with the stand-ins at hand."""

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["--plugins-dir", str(PLUGIN), *arguments], catch_exceptions=True)

    return run


@pytest.fixture
def grid(cli: Callable[..., Result]) -> Callable[..., Result]:
    """Runs `duetbench run` on three pairs of the tiny dataset, with more arguments."""

    def run(*arguments: str) -> Result:
        fixed = ["--dataset", "tiny", "--model", "path:model", "--engine", "logging", "--store", "store.sqlite"]
        return cli("run", *fixed, "--limit", "3", *arguments)

    return run
