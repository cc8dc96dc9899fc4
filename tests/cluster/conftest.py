"""Plans of the runner's tests, with what another process needs to plan the same cells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from grid_making import PLUGIN, make_model_folder

from duetbench.cluster.jobs import PluginPlaces, RunSource
from duetbench.config import parse_settings
from duetbench.paths import cache_dir
from duetbench.plugins import Plugins
from duetbench.runner import Grid, Plan, RunConfig, plan


@pytest.fixture(autouse=True)
def restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that runs in this process changes the working directory and the cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DUETBENCH_CACHE", str(cache_dir()))


@pytest.fixture
def plugins() -> Plugins:
    return Plugins([PLUGIN], environ={})


@pytest.fixture
def model(tmp_path: Path) -> str:
    return f"path:{make_model_folder(tmp_path / 'model')}"


@pytest.fixture
def config(model: str) -> Callable[..., RunConfig]:
    """A grid of 10h on the tiny dataset, untrained; arguments change it, `settings` are `--set` arguments."""

    def made(*settings: str, **changes: Any) -> RunConfig:
        grid = {
            "strategies": ("10h",),
            "datasets": ("tiny",),
            "models": (model,),
            "engine": "logging",
            "trainers": ("none",),
            "limit": 8,
            "baselines": False,
        }
        return RunConfig((Grid(**{**grid, **changes}),), "test", parse_settings(settings))

    return made


@pytest.fixture
def source(tmp_path: Path, plugins: Plugins) -> Callable[[RunConfig], RunSource]:
    """What another process needs to plan the cells of a configuration."""

    def made(config: RunConfig) -> RunSource:
        return RunSource(config, PluginPlaces.of(plugins), tmp_path / "out", tmp_path, cache_dir())

    return made


@pytest.fixture
def planned(plugins: Plugins) -> Callable[[RunConfig], Plan]:
    return lambda config: plan(config, plugins)
