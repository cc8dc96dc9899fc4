"""The seven hooks. Each returns a list of classes with a `name`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from duetbench.interfaces import Dataset, Engine, Metric, Reward, Scorer, Strategy, Trainer

hookspec = pluggy.HookspecMarker("duetbench")
hookimpl = pluggy.HookimplMarker("duetbench")


@hookspec
def duetbench_register_datasets() -> list[type[Dataset]]:
    """Sources of interactions."""
    raise NotImplementedError


@hookspec
def duetbench_register_engines() -> list[type[Engine]]:
    """Ways to run a model."""
    raise NotImplementedError


@hookspec
def duetbench_register_strategies() -> list[type[Strategy]]:
    """Ways to write profiles."""
    raise NotImplementedError


@hookspec
def duetbench_register_scorers() -> list[type[Scorer]]:
    """Ways to predict a rating."""
    raise NotImplementedError


@hookspec
def duetbench_register_rewards() -> list[type[Reward]]:
    """Feedback for training."""
    raise NotImplementedError


@hookspec
def duetbench_register_trainers() -> list[type[Trainer]]:
    """Lifecycles that improve the writer."""
    raise NotImplementedError


@hookspec
def duetbench_register_metrics() -> list[type[Metric]]:
    """Numbers from predicted and true ratings."""
    raise NotImplementedError
