"""For plugin authors: conformance checks to subclass, a small synthetic world and engines without a model.

`duetbench plugin check NAME` runs the same checks without a test file. Nothing here requires pytest.
"""

from __future__ import annotations

from duetbench.interfaces import Kind
from duetbench.testing.conformance.base import CheckResult, Conformance
from duetbench.testing.conformance.control import ControlConformance
from duetbench.testing.conformance.dataset import DatasetConformance
from duetbench.testing.conformance.engine import EngineConformance
from duetbench.testing.conformance.metric import MetricConformance
from duetbench.testing.conformance.reward import RewardConformance
from duetbench.testing.conformance.scorer import ScorerConformance
from duetbench.testing.conformance.strategy import StrategyConformance
from duetbench.testing.conformance.trainer import TrainerConformance
from duetbench.testing.dummy import DummyEngine, FailingEngine, GarbageEngine, dummy_model
from duetbench.testing.minimal_plugins import MinimalReward, MinimalScorer, MinimalStrategy
from duetbench.testing.small_world import SmallWorld, small_world

CONFORMANCE: dict[Kind, type[Conformance]] = {
    "dataset": DatasetConformance,
    "engine": EngineConformance,
    "strategy": StrategyConformance,
    "scorer": ScorerConformance,
    "reward": RewardConformance,
    "trainer": TrainerConformance,
    "metric": MetricConformance,
    "control": ControlConformance,
}
"""The conformance class of each kind of plugin."""

__all__ = [
    "CONFORMANCE",
    "CheckResult",
    "Conformance",
    "ControlConformance",
    "DatasetConformance",
    "DummyEngine",
    "EngineConformance",
    "FailingEngine",
    "GarbageEngine",
    "MetricConformance",
    "MinimalReward",
    "MinimalScorer",
    "MinimalStrategy",
    "RewardConformance",
    "ScorerConformance",
    "SmallWorld",
    "StrategyConformance",
    "TrainerConformance",
    "dummy_model",
    "small_world",
]
