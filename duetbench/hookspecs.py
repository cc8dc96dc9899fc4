"""The hooks. Each returns a list of plugin classes; the name is an attribute of the class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from duetbench.interfaces import Control, Dataset, Engine, Metric, Reward, Scorer, Strategy, Trainer

hookspec = pluggy.HookspecMarker("duetbench")
hookimpl = pluggy.HookimplMarker("duetbench")


@hookspec
def duetbench_register_datasets() -> list[type[Dataset]]:
    """Datasets, the sources of interactions."""
    raise NotImplementedError


@hookspec
def duetbench_register_engines() -> list[type[Engine]]:
    """Engines, which run models."""
    raise NotImplementedError


@hookspec
def duetbench_register_strategies() -> list[type[Strategy]]:
    """Strategies, which write profiles."""
    raise NotImplementedError


@hookspec
def duetbench_register_scorers() -> list[type[Scorer]]:
    """Scorers, which predict ratings."""
    raise NotImplementedError


@hookspec
def duetbench_register_rewards() -> list[type[Reward]]:
    """Rewards for training."""
    raise NotImplementedError


@hookspec
def duetbench_register_trainers() -> list[type[Trainer]]:
    """Trainers, which improve the writer."""
    raise NotImplementedError


@hookspec
def duetbench_register_metrics() -> list[type[Metric]]:
    """Numbers from predicted and true ratings."""
    raise NotImplementedError


@hookspec
def duetbench_register_controls() -> list[type[Control]]:
    """Controls, which show what a result is due to."""
    raise NotImplementedError
