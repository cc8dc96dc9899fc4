"""A cell: one combination of the grid, with everything that determines its result, and the digest of that.

The `describe` methods return JSON values and not types, because their results are digested for the ids and written to
plan.json as they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duetbench import __version__
from duetbench.digests import digest_of_value
from duetbench.plugins import RegisteredPlugin
from duetbench.runner.config.sections import DataOptions, EvaluationOptions, SamplingOptions, TrainingOptions
from duetbench.runner.planning.plugin_code import module_digests

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
        """A new instance; `extra` are further arguments of this kind's constructor."""
        return self.registered.cls(self.config, **extra)

    @property
    def options(self) -> dict[str, Any]:
        """Value of every option, defaults included and presets resolved."""
        return self.registered.cls.resolved_options(self.config)

    @cached_property
    def modules(self) -> dict[str, str]:
        """SHA-256 of each module of its package, by path; {} for a built-in plugin, and for one without files."""
        return module_digests(self.registered)

    @cached_property
    def source_digest(self) -> str | None:
        """SHA-256 over `modules`; None without any."""
        return digest_of_value(self.modules) if self.modules else None

    @cached_property
    def prompts(self) -> dict[str, str]:
        """SHA-256 of each prompt file that it uses, by name; {} if it uses none."""
        has_prompts = self.registered.kind in ("strategy", "scorer")
        return dict(self.make().prompt_digests()) if has_prompts else {}

    @cached_property
    def history_needed(self) -> int:
        """Number of interactions that its prompts show at most; for strategies and scorers."""
        return int(self.make().history_needed())

    def describe(self) -> dict[str, Any]:
        """Everything that determines its behaviour, as JSON values: name, options, code, prompts."""
        return dict(self._description)

    @cached_property
    def _description(self) -> dict[str, Any]:
        origin = self.registered.origin
        code = __version__ if origin == "built-in" else self.source_digest or origin
        return {"name": self.name, "options": self.options, "code": code, "prompts": self.prompts}


@dataclass(frozen=True)
class DatasetChoice:
    """A prepared dataset and its history options."""

    choice: PluginChoice
    options: DataOptions
    history: HistoryOptions
    prepared: Prepared
    folder: Path | None = None
    """The prepared folder that the user named; None: the dataset was named, and prepared from its raw files."""

    def n_dropped_for_history(self, min_user_history: int) -> int:
        """Number of training rows whose user has fewer earlier interactions than that."""
        from duetbench.data.history import history_lengths

        of_user, _ = history_lengths(self.prepared, "train", self.history)
        return int((of_user < min_user_history).sum())

    def describe(self) -> dict[str, Any]:
        """Everything that determines the examples, as JSON values."""
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
    """What distinguishes it from another model of that name, known without the weights."""
    options: Mapping[str, Any]
    """Options that its card suggests to plugins."""

    def describe(self) -> dict[str, Any]:
        """Everything that determines its completions, as JSON values."""
        return {"name": self.name, **self.identity}


@dataclass(frozen=True)
class ScorerEngineSpec:
    """Model and engine of the scorer in a training's loop."""

    model: ModelChoice
    engine: PluginChoice

    def describe(self) -> dict[str, Any]:
        """Everything that determines its completions, as JSON values."""
        return {"model": self.model.describe(), "engine": self.engine.describe()}


@dataclass(frozen=True)
class WriterSpec:
    """How profiles are written: strategy, trainer, model, engine."""

    strategy: PluginChoice
    trainer: PluginChoice
    model: ModelChoice
    engine: PluginChoice
    sampling: SamplingOptions
    training: TrainingOptions | None
    """None: no training."""
    rewards: tuple[tuple[PluginChoice, float], ...] = ()
    trained_on: PluginChoice | None = None
    """The scorer in the training's loop; None: no training."""
    scorer_engine: ScorerEngineSpec | None = None
    """Model and engine of that scorer; None: the untrained model."""
    monitor_scorer: PluginChoice | None = None
    """A scorer outside the loop, on the same engine; None: none."""
    policy_engine: PluginChoice | None = None
    """The engine whose options apply to the weights in training; None: no training, or the trainer names none."""
    further_models: tuple[ModelChoice, ...] = ()
    """What the trainer uses in addition to the model."""

    @property
    def history_readers(self) -> tuple[PluginChoice, ...]:
        """The plugins whose prompts contain histories: the strategy, and the scorers in and outside the loop."""
        return (self.strategy, *(scorer for scorer in (self.trained_on, self.monitor_scorer) if scorer))

    @property
    def separate_policy_engine(self) -> PluginChoice | None:
        """`policy_engine` if it differs from `engine`, so that its options are not known from there."""
        if self.policy_engine is None or self.policy_engine.name == self.engine.name:
            return None
        return self.policy_engine

    def describe(self) -> dict[str, Any]:
        """Everything that determines the profiles, as JSON values."""
        return {
            "strategy": self.strategy.describe(),
            "model": self.model.describe(),
            "engine": self.engine.describe(),
            "sampling": asdict(self.sampling),
            "training": self.describe_training(),
        }

    def describe_training(self) -> dict[str, Any] | None:
        """What determines the training in addition to strategy, model, engine, data and seed; None: no training."""
        return dict(self._training_description) if self._training_description is not None else None

    @cached_property
    def _training_description(self) -> dict[str, Any] | None:
        if self.training is None or self.trained_on is None:
            return None
        stages = {
            stage.name: {"share": stage.share, "rows": stage.rows, "settings": dict(stage.settings)}
            for stage in self.strategy.make().training_stages()
        }
        further = [model.describe() for model in self.further_models]
        return {
            "trainer": self.trainer.describe(),
            "options": asdict(self.training),
            "rewards": [{**reward.describe(), "weight": weight} for reward, weight in self.rewards],
            "scorer": self.trained_on.describe(),
            **({"further_models": further} if further else {}),
            **({"scorer_engine": self.scorer_engine.describe()} if self.scorer_engine else {}),
            **({"monitor_scorer": self.monitor_scorer.describe()} if self.monitor_scorer else {}),
            **({"stages": stages} if stages else {}),
            **({"policy_engine": self.separate_policy_engine.describe()} if self.separate_policy_engine else {}),
        }


@dataclass(frozen=True)
class ControlSpec:
    """The control of a cell."""

    choice: PluginChoice
    scorer: PluginChoice
    """The cell's scorer with the options that the control changes."""
    changed: Mapping[str, Any]
    """Those options."""
    needs: str
    """See `Control.needs`."""
    reference: Cell | None = None
    """The trained cell whose generated tokens the cell's own training may use; None: its own options decide."""

    @property
    def name(self) -> str:
        """The control's name."""
        return self.choice.name

    def describe(self) -> dict[str, Any]:
        """Everything that determines its effect, as JSON values."""
        reference = {"reference": self.reference.training_id} if self.reference else {}
        return {**self.choice.describe(), "scorer": dict(self.changed), **reference}


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
    """None: the scorer uses no model."""
    label: str = ""
    """Label of its grid; not part of the id."""
    control: ControlSpec | None = None
    """None: the strategy itself."""

    def describe(self) -> dict[str, Any]:
        """Everything that determines the result, as JSON values."""
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
            **({"control": self.control.describe()} if self.control else {}),
        }

    @cached_property
    def id(self) -> str:
        """SHA-256 of `describe`."""
        return digest_of_value(self.describe())

    @property
    def names(self) -> tuple[str, str, str, str, str, str]:
        """Strategy, trainer, dataset, model, scorer and seed for display; `none` where there is none."""
        writing = self.writing
        strategy, trainer = (writing.strategy.name, writing.trainer.name) if writing else ("none", "none")
        model = writing.model.name if writing else "none"
        return (strategy, trainer, self.data.choice.name, model, self.scorer.name, str(self.seed))

    @property
    def folder(self) -> str:
        """Name of its folder: readable, and unique by the first characters of the id."""
        *names, seed = self.names
        control = [self.control.name] if self.control else []
        return "__".join(_file_name(part) for part in [*names, f"s{seed}", self.id[:8], *control])

    @cached_property
    def training_id(self) -> str | None:
        """Digest of everything that determines its training; equal for cells that share one; None: no training."""
        training = self.writing.describe_training() if self.writing else None
        if self.writing is None or training is None:
            return None
        writing = self.writing.describe()
        shared = {name: writing[name] for name in ("strategy", "model", "engine")}
        if self.control and self.control.reference:
            shared["token_budget_of"] = self.control.reference.training_id
        return digest_of_value({**shared, "training": training, "data": self.data.describe(), "seed": self.seed})

    @property
    def training_folder(self) -> str:
        """Name of the folder of its training."""
        assert self.writing is not None
        writing = self.writing
        parts = [writing.trainer.name, writing.strategy.name, self.data.choice.name, writing.model.name]
        return "__".join(_file_name(part) for part in [*parts, f"s{self.seed}", str(self.training_id)[:8]])

    @property
    def writes_profiles(self) -> bool:
        """Whether its strategy is run."""
        return self.writing is not None and (self.control is None or self.control.needs in ("profiles", "training"))

    def choices(self) -> dict[str, PluginChoice]:
        """Its plugins by kind."""
        by_kind = {"dataset": self.data.choice, "scorer": self.scorer}
        if self.writing:
            writing = self.writing
            by_kind |= {"strategy": writing.strategy, "trainer": writing.trainer, "engine": writing.engine}
        if self.control:
            by_kind["control"] = self.control.choice
        return by_kind


def _file_name(text: str) -> str:
    if text.startswith("path:"):
        text = Path(text.removeprefix("path:")).name
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text)[:48] or "x"
