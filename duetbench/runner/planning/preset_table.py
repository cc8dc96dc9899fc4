"""Compares presets option by option: the values that a planned cell would have, with the source of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from duetbench.errors import ConfigError, UnknownName
from duetbench.plugins import Plugins
from duetbench.runner.config.options import OptionValues
from duetbench.runner.config.presets import RunPreset, load_preset, preset_names
from duetbench.runner.config.run_config import preset_grid
from duetbench.runner.planning.prepared_folders import PreparedFolders
from duetbench.runner.planning.resolver import PluginResolver, model_choice, option_sections
from duetbench.training.presets import PresetTrainer

NO_EFFECT = "(no effect)"
"""The value of a setting that the other settings of its preset leave without effect."""


@dataclass(frozen=True)
class OptionComparison:
    """One option in several presets."""

    option: str
    """`scope.option`, as in `--set`."""
    values: tuple[Any, ...]
    """One per preset."""
    sources: tuple[str, ...]
    """One per preset; empty if the preset names none."""

    @property
    def differs(self) -> bool:
        """Whether the presets have different values."""
        return any(value != self.values[0] for value in self.values)


def compare_presets(names: Sequence[str], plugins: Plugins) -> list[OptionComparison]:
    """Every option that differs between these presets, and every other one for which one of them names a source.

    Args:
        names: Names of presets.
        plugins: The plugin register.

    Raises:
        UnknownName: there is no such preset.
        ConfigError: a preset has invalid options.
    """
    presets = [load_preset(name) for name in names]
    resolved = [preset_options(preset, plugins) for preset in presets]
    sources = [preset_sources(preset, plugins) for preset in presets]
    rows = [
        OptionComparison(
            option,
            tuple(options.get(option, NO_EFFECT) for options in resolved),
            tuple(of_preset.get(option, "") for of_preset in sources),
        )
        for option in dict.fromkeys(option for options in resolved for option in options)
    ]
    return [row for row in rows if row.differs or any(row.sources)]


def preset_options(preset: RunPreset, plugins: Plugins) -> dict[str, Any]:
    """The value of each option of the sections and plugins that the preset uses, by `scope.option`.

    Raises:
        ConfigError: the preset has invalid options.
    """
    grid = preset_grid(preset)
    values = OptionValues(plugins, option_sections(), file=grid.options, settings={}, preferred=())
    models = {name: model_choice(name) for name in grid.models}
    parts = PluginResolver(plugins, grid, values, models, PreparedFolders(plugins))
    (strategy,), (trainer,), (model,), (scorer,) = grid.strategies, grid.trainers, grid.models, grid.scorers
    writing = parts.writing(strategy, trainer, model, scorer)
    scoring = parts.choice("scorer", scorer, model)
    if values.faults:
        raise ConfigError([f"preset {preset.name}: {fault}" for fault in values.faults])
    scopes: dict[str, Mapping[str, Any]] = {
        "history": asdict(parts.history_of([scoring, *writing.history_readers])),
        strategy: writing.strategy.options,
        scorer: scoring.options,
        "sampling": asdict(parts.sampling),
        "evaluation": asdict(parts.evaluation),
        "training": asdict(parts.training),
        trainer: writing.trainer.options,
    }
    return {f"{scope}.{name}": value for scope, options in scopes.items() for name, value in options.items()}


def preset_sources(preset: RunPreset, plugins: Plugins) -> dict[str, str]:
    """Where the values of a preset's options come from, by `scope.option`; its trainer's preset included."""
    (trainer,) = preset_grid(preset).trainers
    trainer_preset = preset.config["options"].get(trainer, {}).get("preset", "")
    return {**preset.sources, **trainer_sources(trainer, trainer_preset, plugins)}


def trainer_sources(trainer: str, preset: str, plugins: Plugins) -> dict[str, str]:
    """Where the values of a trainer's preset come from, by `trainer.setting`; {} if the trainer names no sources."""
    cls = _preset_trainers(plugins).get(trainer)
    sources = cls.preset_sources.get(preset, {}) if cls else {}
    return {f"{trainer}.{setting}": source for setting, source in sources.items()}


def describe_trainer_preset(name: str, plugins: Plugins) -> list[OptionComparison]:
    """The values of every trainer's preset of that name, with their sources.

    Raises:
        UnknownName: no run and no trainer has such a preset.
    """
    trainers = _preset_trainers(plugins)
    rows: list[OptionComparison] = []
    for trainer, cls in trainers.items():
        sources = trainer_sources(trainer, name, plugins)
        for setting, value in cls.presets.get(name, {}).items():
            option = f"{trainer}.{setting}"
            rows.append(OptionComparison(option, (value,), (sources.get(option, ""),)))
    if not rows:
        known = {preset for cls in trainers.values() for preset in cls.presets}
        raise UnknownName("preset", name, {*known, *preset_names()})
    return rows


def _preset_trainers(plugins: Plugins) -> dict[str, type[PresetTrainer]]:
    registered = {name: trainer.cls for name, trainer in plugins.of_kind("trainer").items()}
    return {name: cls for name, cls in registered.items() if issubclass(cls, PresetTrainer)}
