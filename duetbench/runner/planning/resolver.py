"""Resolves the plugins of one grid with their options, for every model whose card suggests some."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, cast

from duetbench.errors import ConfigError, DuetbenchError
from duetbench.interfaces import Kind
from duetbench.plugins import Plugins
from duetbench.runner.config.options import OptionValues
from duetbench.runner.config.run_config import Grid
from duetbench.runner.config.sections import DataOptions, EvaluationOptions, SamplingOptions, TrainingOptions
from duetbench.runner.planning.cells import ModelChoice, PluginChoice, ScorerEngineSpec, WriterSpec
from duetbench.runner.planning.prepared_folders import PreparedFolder, PreparedFolders, registered_dataset

if TYPE_CHECKING:
    from duetbench.data import HistoryOptions
    from duetbench.interfaces import Dataset, PolicyOptions, Scorer, Strategy, Trainer


def option_sections() -> dict[str, type]:
    """The option sections of the core, by name."""
    from duetbench.data import HistoryOptions

    return {
        "data": DataOptions,
        "history": HistoryOptions,
        "sampling": SamplingOptions,
        "evaluation": EvaluationOptions,
        "training": TrainingOptions,
    }


def default_trainer(plugins: Plugins, strategy: str) -> str:
    """The trainer of a strategy if none is given."""
    return cast("type[Strategy]", plugins.get("strategy", strategy).cls).default_trainer


def uses_a_model(plugins: Plugins, scorer: str) -> bool:
    """False for a scorer that runs once per dataset, without strategy and model."""
    return cast("type[Scorer]", plugins.get("scorer", scorer).cls).needs_engine


def missing_package(plugins: Plugins, scorer: str) -> str | None:
    """Why a scorer cannot run here; None if it can."""
    return plugins.get("scorer", scorer).missing()


def does_train(plugins: Plugins, trainer: str) -> bool:
    """False for a trainer that returns the model unchanged."""
    return cast("type[Trainer]", plugins.get("trainer", trainer).cls).trains


def policy_options(plugins: Plugins, trainer: str) -> PolicyOptions | None:
    """The engine options that a trainer uses for the weights that it trains."""
    return cast("type[Trainer]", plugins.get("trainer", trainer).cls).policy_options


class PluginResolver:
    """The plugins of one grid with their options, each built once.

    Args:
        plugins: The plugin register.
        grid: The grid.
        options: Its option values.
        models: Its models by name.
        folders: Loads prepared folders; shared by the grids of a run.
    """

    def __init__(
        self,
        plugins: Plugins,
        grid: Grid,
        options: OptionValues,
        models: Mapping[str, ModelChoice],
        folders: PreparedFolders,
    ) -> None:
        self._plugins = plugins
        self._grid = grid
        self._options = options
        self._models = dict(models)
        self._choices: dict[tuple[str, str, str | None, tuple[str, ...] | None], PluginChoice] = {}
        self._folders = folders
        self._writings: dict[tuple[str, str, str, str], WriterSpec] = {}
        self.faults: list[DuetbenchError] = []
        self.data: DataOptions = options.section("data")
        self.history: HistoryOptions = options.section("history")
        self.sampling: SamplingOptions = options.section("sampling")
        self.evaluation: EvaluationOptions = options.section("evaluation")
        trainers = {trainer for strategy in grid.strategies for trainer in self.trainers(strategy)}
        has_training = any(does_train(plugins, trainer) for trainer in trainers)
        self.training: TrainingOptions = options.section("training", None if has_training else ())

    def choice(
        self, kind: Kind, name: str, model: str | None = None, used: tuple[str, ...] | None = None
    ) -> PluginChoice:
        """A plugin with its options. Suggestions of the model's card rank between the file and the defaults.

        Args:
            kind: The plugin's kind.
            name: The plugin's name.
            model: Name of the model whose card counts; None: no card.
            used: The options that have an effect here; None: all.
        """
        key = (kind, name, model, used)
        if key not in self._choices:
            registered = self._plugins.get(kind, name)
            card = self._models[model].options if model else None
            self._choices[key] = PluginChoice(registered, self._options.plugin(registered, card, used))
        return self._choices[key]

    def dataset(self, name: str) -> PluginChoice | PreparedFolder:
        """The dataset of that name, or the one in the prepared folder of that name."""
        return self.choice("dataset", name) if registered_dataset(self._plugins, name) else self._folders.load(name)

    def preparation_effects(self) -> dict[str, str]:
        """Why an option of the preparation that is set has no effect in this grid, by option; empty if it has one."""
        registered = [each for name in self._grid.datasets if (each := registered_dataset(self._plugins, name))]
        generating = [each for each in registered if cast("type[Dataset]", each.cls).generates_raw_files]
        reasons = dict.fromkeys(("raw", "steps", "max_error_rate"), "")
        if not registered:
            reasons = dict.fromkeys(reasons, f"no effect, because {self._grid.datasets[0]} is already prepared")
        elif len(generating) == len(registered):
            owner = generating[0].cls.name
            fault = f"no effect, because {owner} generates its raw files; leave it out, or name existing files with "
            reasons |= dict.fromkeys(("raw", "max_error_rate"), f"{fault}--set {owner}.raw=DIR")
        return {name: reason for name, reason in reasons.items() if self._options.is_set("data", name)}

    def build_all(self, scorers: Iterable[str], baselines: Iterable[str]) -> None:
        """Builds everything once, to collect all faults."""
        for name in self._grid.datasets:
            self.dataset(name)
        for name in [*scorers, *baselines]:
            self.choice("scorer", name)
        for strategy, model in itertools.product(self._grid.strategies, self._grid.models):
            for trainer, scorer in itertools.product(self.trainers(strategy), scorers):
                try:
                    writing = self.writing(strategy, trainer, model, scorer)
                    self.history_of([self.choice("scorer", scorer, model), *writing.history_readers])
                    _check_line_notes(writing, self.choice("scorer", scorer, model))
                    _check_weights(writing)
                except DuetbenchError as error:
                    self.faults.append(error)

    def strategy(self, name: str, model: str) -> PluginChoice:
        """A strategy; options of its training stages have an effect if a trainer of the grid runs them."""
        cls = cast("type[Strategy]", self._plugins.get("strategy", name).cls)
        trainers = [cast("type[Trainer]", self._plugins.get("trainer", each).cls) for each in self.trainers(name)]
        if not cls.training_options or any(trainer.runs_training_stages for trainer in trainers):
            return self.choice("strategy", name, model)
        used = tuple(entry.name for entry in fields(cls.Config) if entry.name not in cls.training_options)
        return self.choice("strategy", name, model, used)

    def trainers(self, strategy: str) -> list[str]:
        """The trainers of the grid, or the strategy's default."""
        return list(self._grid.trainers or [default_trainer(self._plugins, strategy)])

    def split_scorers(self, names: Iterable[str]) -> tuple[list[str], list[str]]:
        """Scorers that use a model, and scorers that do not."""
        names = list(names)
        prompted = [name for name in names if uses_a_model(self._plugins, name)]
        return prompted, [name for name in names if name not in prompted]

    def writing(self, strategy: str, trainer: str, model: str, scorer: str) -> WriterSpec:
        """How profiles are written in one combination."""
        key = (strategy, trainer, model, scorer)
        if key not in self._writings:
            self._writings[key] = self._writing(*key)
        return self._writings[key]

    def _writing(self, strategy: str, trainer: str, model: str, scorer: str) -> WriterSpec:
        trains = does_train(self._plugins, trainer)
        return WriterSpec(
            strategy=self.strategy(strategy, model),
            trainer=self.choice("trainer", trainer, model),
            model=self._models[model],
            engine=self.choice("engine", self._grid.engine, model),
            sampling=self.sampling,
            training=self.training if trains else None,
            rewards=tuple(self._rewards()) if trains else (),
            trained_on=self.choice("scorer", self.training.scorer or scorer, model) if trains else None,
            scorer_engine=self._scorer_engine(model) if trains else None,
            monitor_scorer=self._monitor_scorer(trainer, self.training.scorer or scorer, model) if trains else None,
            policy_engine=self._policy_engine(trainer, model) if trains else None,
            further_models=self._further_models(trainer, model) if trains else (),
        )

    def _further_models(self, trainer: str, model: str) -> tuple[ModelChoice, ...]:
        """The models that the trainer uses in addition."""
        made: Trainer = self.choice("trainer", trainer, model).make()
        return tuple(self._model(name) for name in made.further_models())

    def _model(self, name: str) -> ModelChoice:
        if name not in self._models:
            self._models[name] = model_choice(name)
        return self._models[name]

    def _monitor_scorer(self, trainer: str, in_loop: str, model: str) -> PluginChoice | None:
        """The scorer outside the loop; None for a trainer without a reward to compare with.

        Raises:
            ConfigError: it is the one in the loop, reads no profiles, or no trainer of the grid uses one.
        """
        name = self.training.monitor_scorer
        if name is None:
            return None
        if not self._uses_monitor_scorer(trainer):
            if self._grid.trainers and not any(map(self._uses_monitor_scorer, self._grid.trainers)):
                raise ConfigError([f"training.monitor_scorer: no effect with {trainer}, which has no reward per round"])
            return None
        if name == in_loop:
            raise ConfigError([f"training.monitor_scorer: '{name}' is the scorer in the loop; choose another one"])
        if not uses_a_model(self._plugins, name):
            raise ConfigError([f"training.monitor_scorer: '{name}' reads no profiles; choose one that uses a model"])
        return self.choice("scorer", name, model)

    def _uses_monitor_scorer(self, trainer: str) -> bool:
        return cast("type[Trainer]", self._plugins.get("trainer", trainer).cls).uses_monitor_scorer

    def _policy_engine(self, trainer: str, model: str) -> PluginChoice | None:
        """The engine whose options apply to the weights in training."""
        used = policy_options(self._plugins, trainer)
        if used is None:
            return None
        return self.choice("engine", used.engine, model, used.names if used.engine != self._grid.engine else None)

    def _scorer_engine(self, model: str) -> ScorerEngineSpec | None:
        """Model and engine of the scorer in the loop, if the options name their own."""
        if self.training.scorer_model is None and self.training.scorer_engine is None:
            return None
        name = self.training.scorer_model or model
        return ScorerEngineSpec(
            self._model(name), self.choice("engine", self.training.scorer_engine or self._grid.engine, name)
        )

    def history_of(self, choices: Iterable[PluginChoice]) -> HistoryOptions:
        """History options for these plugins: as long as the longest history that any of them uses."""
        needed = {choice.name: choice.history_needed for choice in choices}
        longest = max(needed.values(), default=0)
        if longest <= self.history.k:
            return self.history
        if self._options.is_set("history", "k"):
            name = max(needed, key=lambda name: needed[name])
            raise ConfigError([f"history.k must be >= {longest}, which {name} uses, got {self.history.k}"])
        return replace(self.history, k=longest)

    def _rewards(self) -> Iterator[tuple[PluginChoice, float]]:
        for text in self.training.rewards:
            name, _, weight = text.partition(":")
            try:
                yield self.choice("reward", name.strip()), float(weight or 1)
            except ValueError:
                raise ConfigError([f"training.rewards: expected name:weight, got {text!r}"]) from None


def _check_line_notes(writing: WriterSpec, scorer: PluginChoice) -> None:
    """Refuses a scorer that reads texts on single interactions where the strategy writes none."""
    strategy = cast("type[Strategy]", writing.strategy.registered.cls)
    readers = [choice.name for choice in (scorer, writing.trained_on) if choice and choice.make().reads_line_notes()]
    if readers and not strategy.writes_line_notes:
        raise ConfigError(
            [f"{readers[0]} reads what the strategy writes on single interactions, and {strategy.name} writes nothing"]
        )


def _check_weights(writing: WriterSpec) -> None:
    """Refuses what needs weights on this machine for a model that a server runs, and training on top of an adapter.

    Raises:
        ConfigError: the trainer cannot train this model.
        ModelError: the engine cannot run it.
    """
    model, trainer = writing.model, cast("type[Trainer]", writing.trainer.registered.cls)
    if trainer.policy_options and model.name.startswith("served:"):
        raise ConfigError(
            [
                f"trainer '{trainer.name}' changes weights, and those of '{model.name}' are on its server: train a "
                "model on this machine (a card or path:DIR), or choose --trainer none"
            ]
        )
    if trainer.policy_options and "adapter" in model.identity:
        raise ConfigError(
            [f"trainer '{trainer.name}' cannot train {model.name}, an adapter: merge it into the weights first"]
        )
    engines = [(model, writing.engine)]
    engines += [(writing.scorer_engine.model, writing.scorer_engine.engine)] if writing.scorer_engine else []
    for used, engine in engines:
        if used.name.startswith("served:"):
            _check_engine(used.name, engine)


def _check_engine(model: str, engine: PluginChoice) -> None:
    """Raises ModelError if the engine refuses a served model; creating an engine for one loads and asks nothing."""
    from duetbench.models import resolve

    engine.make(model=resolve(model))


def model_choice(name: str) -> ModelChoice:
    """A model by name; its weights need not be present.

    Raises:
        UnknownName: no such card.
        ModelError: `path:DIR` is not a usable model folder.
    """
    from duetbench.models import card_of, load_card, resolve

    if name.startswith(("path:", "served:")):
        model, base = resolve(name), card_of(name)
        adapter = {"adapter": model.adapter_digest} if model.adapter_digest else {}
        return ModelChoice(name, {"digest": model.digest, **adapter}, base.options if base else {})
    card = load_card(name)
    identity = {
        "sources": [source.ident for source in card.sources],
        "template_args": dict(card.template_args),
        "context_length": card.context_length,
    }
    return ModelChoice(name, identity, card.options)
