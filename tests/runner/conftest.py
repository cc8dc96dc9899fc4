"""A small world for the runner: the stand-ins of grid_plugin.py and a model folder without a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from grid_making import PLUGIN, make_model_folder

from duetbench.config import parse_settings
from duetbench.plugins import Plugins
from duetbench.runner import Grid, Plan, RunConfig, RunOutcome, plan, run


@pytest.fixture
def plugins() -> Plugins:
    return Plugins([PLUGIN], environ={})


@pytest.fixture
def model(tmp_path: Path) -> str:
    return f"path:{make_model_folder(tmp_path / 'model')}"


@pytest.fixture
def planned(plugins: Plugins, model: str) -> Callable[..., Plan]:
    """Plans a grid of 10h on the tiny dataset, untrained; arguments change it, `settings` are `--set` arguments."""

    def made(*settings: str, **changes: Any) -> Plan:
        grid = {
            "strategies": ("10h",),
            "datasets": ("tiny",),
            "models": (model,),
            "engine": "logging",
            "trainers": ("none",),
        }
        return plan(RunConfig((Grid(**{**grid, **changes}),), "test", parse_settings(settings)), plugins)

    return made


@pytest.fixture
def ran(planned: Callable[..., Plan], tmp_path: Path) -> Callable[..., RunOutcome]:
    """Plans and runs a grid, see `planned`; every test has a request store of its own."""

    def made(*settings: str, force: bool = False, **changes: Any) -> RunOutcome:
        return run(planned(*settings, **changes), tmp_path / "out", store=tmp_path / "store.sqlite", force=force)

    return made
