"""A cell: one combination of the grid, with everything that decides its outcome and the digest of all that."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duetbench import __version__
from duetbench.digests import digest_of_file, digest_of_value
from duetbench.plugins import RegisteredPlugin
from duetbench.runner.config.sections import DataOptions, EvaluationOptions, SamplingOptions, TrainingOptions

if TYPE_CHECKING:
    from duetbench.data import HistoryOptions, Prepared


@dataclass(frozen=True)
class PluginChoice:
    """A plugin with its options."""

    registered: RegisteredPlugin
    config: Any

    @property
    def name(self) -> str:
        """The plugin's name."""
        return self.registered.cls.name

    def make(self, **extra: Any) -> Any:
        """A new instance; `extra` is what this kind's constructor takes beside its options."""
        return self.registered.cls(self.config, **extra)

    @property
    def options(self) -> dict[str, Any]:
        """All option values, defaults included."""
        return asdict(self.config)

    @cached_property
    def prompts(self) -> dict[str, str]:
        """SHA-256 of each prompt file that it uses, by name; {} if it uses none."""
        asks = self.registered.kind in ("strategy", "scorer")
        return dict(self.make().prompt_digests()) if asks else {}

    def describe(self) -> dict[str, Any]:
        """What decides how it behaves: name, options, code, prompts."""
        return {"name": self.name, "options": self.options, "code": _code(self.registered), "prompts": self.prompts}


@dataclass(frozen=True)
class DatasetChoice:
    """A dataset, prepared, and how histories are taken from it."""

    choice: PluginChoice
    options: DataOptions
    history: HistoryOptions
    prepared: Prepared

    def describe(self) -> dict[str, Any]:
        """What decides which examples there are."""
        return {
            "name": self.choice.name,
            "fingerprint": self.prepared.fingerprint,
            "history": asdict(self.history),
        }


@dataclass(frozen=True)
class ModelChoice:
    """A model by name."""

    name: str
    identity: Mapping[str, Any]
    """What tells it from another model of that name, known without having the weights."""
    options: Mapping[str, Any]
    """Options that its card suggests to plugins."""


@dataclass(frozen=True)
class ScorerEngineSpec:
    """A model for the scorer in a training's loop."""

    model: ModelChoice
    engine: PluginChoice

    def describe(self) -> dict[str, Any]:
        """What decides its answers."""
        return {"model": {"name": self.model.name, **self.model.identity}, "engine": self.engine.describe()}


@dataclass(frozen=True)
class WriterSpec:
    """How profiles come about: what a cell has beside data and scorer if a model is asked."""

    strategy: PluginChoice
    trainer: PluginChoice
    model: ModelChoice
    engine: PluginChoice
    sampling: SamplingOptions
    training: TrainingOptions | None
    """None: nothing is trained."""
    rewards: tuple[tuple[PluginChoice, float], ...] = ()
    trained_on: PluginChoice | None = None
    """The scorer in the training's loop; None: nothing is trained."""
    scorer_engine: ScorerEngineSpec | None = None
    """What that scorer asks; None: the untrained model."""
    policy_engine: PluginChoice | None = None
    """The engine whose options apply to the weights in training; None: the trainer names none."""

    @property
    def separate_policy_engine(self) -> PluginChoice | None:
        """`policy_engine` if it is not `engine` itself, so that its options are not known from there."""
        if self.policy_engine is None or self.policy_engine.name == self.engine.name:
            return None
        return self.policy_engine

    def describe(self) -> dict[str, Any]:
        """What decides which profiles are written."""
        return {
            "strategy": self.strategy.describe(),
            "model": {"name": self.model.name, **self.model.identity},
            "engine": self.engine.describe(),
            "sampling": asdict(self.sampling),
            "training": self.describe_training(),
        }

    def describe_training(self) -> dict[str, Any] | None:
        """What decides the training beside strategy, model, engine, data and seed; None: nothing is trained."""
        if self.training is None or self.trained_on is None:
            return None
        return {
            "trainer": self.trainer.describe(),
            "options": asdict(self.training),
            "rewards": [{**reward.describe(), "weight": weight} for reward, weight in self.rewards],
            "scorer": self.trained_on.describe(),
            **({"scorer_engine": self.scorer_engine.describe()} if self.scorer_engine else {}),
            **({"policy_engine": self.separate_policy_engine.describe()} if self.separate_policy_engine else {}),
        }


@dataclass(frozen=True)
class Cell:
    """One unit of the grid, of resuming and of records."""

    data: DatasetChoice
    scorer: PluginChoice
    evaluation: EvaluationOptions
    seed: int
    split: str
    limit: int | None
    writing: WriterSpec | None = None
    """None: a scorer that asks no model."""
    label: str = ""
    """What its grid is called; for people, no part of the id."""

    def describe(self) -> dict[str, Any]:
        """Everything that decides the outcome, as JSON values."""
        return {
            "duetbench": __version__,
            "data": self.data.describe(),
            "split": self.split,
            "limit": self.limit,
            "sample_seed": self.data.options.sample_seed if self.limit else None,
            "scorer": self.scorer.describe(),
            "evaluation": asdict(self.evaluation),
            "seed": self.seed,
            "writing": self.writing.describe() if self.writing else None,
        }

    @cached_property
    def id(self) -> str:
        """SHA-256 of `describe`."""
        return digest_of_value(self.describe())

    @property
    def names(self) -> tuple[str, str, str, str, str, str]:
        """Strategy, trainer, dataset, model, scorer and seed, for people; `none` where there is none."""
        writing = self.writing
        strategy, trainer = (writing.strategy.name, writing.trainer.name) if writing else ("none", "none")
        model = writing.model.name if writing else "none"
        return (strategy, trainer, self.data.choice.name, model, self.scorer.name, str(self.seed))

    @property
    def folder(self) -> str:
        """Name of its folder: readable, and told apart by the id's beginning."""
        *names, seed = self.names
        return "__".join(_file_name(part) for part in [*names, f"s{seed}", self.id[:8]])

    @property
    def training_id(self) -> str | None:
        """Digest of all that decides its training; equal for cells that share one; None: no training."""
        training = self.writing.describe_training() if self.writing else None
        if self.writing is None or training is None:
            return None
        writing = self.writing.describe()
        shared = {name: writing[name] for name in ("strategy", "model", "engine")}
        return digest_of_value({**shared, "training": training, "data": self.data.describe(), "seed": self.seed})

    @property
    def training_folder(self) -> str:
        """Name of the folder of its training."""
        assert self.writing is not None
        writing = self.writing
        parts = [writing.trainer.name, writing.strategy.name, self.data.choice.name, writing.model.name]
        return "__".join(_file_name(part) for part in [*parts, f"s{self.seed}", str(self.training_id)[:8]])

    def choices(self) -> dict[str, PluginChoice]:
        """Its plugins by kind."""
        found = {"dataset": self.data.choice, "scorer": self.scorer}
        if self.writing:
            writing = self.writing
            found |= {"strategy": writing.strategy, "trainer": writing.trainer, "engine": writing.engine}
        return found


def _code(registered: RegisteredPlugin) -> str:
    """Tells versions of a plugin apart: the package's version; for others the digest of the source file."""
    if registered.origin == "built-in":
        return __version__
    try:
        file = inspect.getsourcefile(registered.cls)
    except TypeError:
        file = None
    return digest_of_file(Path(file)) if file and Path(file).is_file() else registered.origin


def _file_name(text: str) -> str:
    if text.startswith("path:"):
        text = Path(text.removeprefix("path:")).name
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text)[:48] or "x"
