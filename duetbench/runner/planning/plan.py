"""From a run's settings to its cells: every combination once, with all faults found before anything is computed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from duetbench.errors import ConfigError, DataError, DuetbenchError, PluginError
from duetbench.evaluation.metric_values import metric_faults
from duetbench.interfaces import Kind, Metric
from duetbench.plugins import Plugins
from duetbench.runner.config.options import OptionValues, Scope
from duetbench.runner.config.run_config import Grid, RunConfig
from duetbench.runner.planning.cells import Cell, DatasetChoice, ModelChoice, PluginChoice, WriterSpec
from duetbench.runner.planning.resolver import (
    PluginResolver,
    asks_a_model,
    default_trainer,
    does_train,
    model_choice,
    option_sections,
)
from duetbench.types import Domain

P = ParamSpec("P")
T = TypeVar("T")
OnProgress = Callable[[str], None]

UNTRAINED = "none"
"""The trainer that leaves the model as it is."""


@dataclass(frozen=True)
class Plan:
    """What a run will do."""

    name: str
    cells: tuple[Cell, ...]
    """Without repetition, in the order in which they are run: cells that share a model stand together."""
    metrics: tuple[Metric, ...] = ()
    """Computed from the predictions of every cell."""
    notes: tuple[str, ...] = ()
    """What the reader should know: combinations that were left out, and why."""


def plan(config: RunConfig, plugins: Plugins, *, on_progress: OnProgress | None = None) -> Plan:
    """All cells of a run. Data are prepared, since their fingerprint is part of what a cell is; no model is loaded.

    Args:
        config: What to run.
        plugins: Where names are looked up.
        on_progress: Called with a line when something slow begins.

    Raises:
        UnknownName: a name that nothing carries.
        ConfigError: options that do not fit, all at once.
        PluginError: a plugin cannot be used, or a metric fails on synthetic predictions.
        DataError: a dataset cannot be prepared.
        ModelError: a local model folder cannot be used.
    """
    return _Planner(config, plugins, on_progress or (lambda _line: None)).plan()


@dataclass
class _Planner:
    config: RunConfig
    plugins: Plugins
    on_progress: OnProgress
    faults: list[DuetbenchError] = field(default_factory=list)
    option_faults: dict[str, None] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)
    prepared: dict[tuple[Any, ...], DatasetChoice] = field(default_factory=dict)
    without_model: set[tuple[Any, ...]] = field(default_factory=set)

    def plan(self) -> Plan:
        used = {scope for grid in self.config.grids for scope in self._used(grid)}
        models = self._models()
        metrics = self._metrics()
        self._stop_at_faults()
        grids = [(grid, self._options(grid, used)) for grid in self.config.grids]
        drafts = [self._check(grid, options, models) for grid, options in grids]
        touched = {scope for _, options in grids for scope in options.touched}
        self.option_faults.update(dict.fromkeys(fault for _, options in grids for fault in options.unused(touched)))
        self._stop_at_faults()
        cells = [cell for draft in drafts for cell in draft()]
        if not any(grid.strategies for grid in self.config.grids):
            self.notes["no strategy is named, so only scorers that ask no model are run"] = None
        unique: dict[str, Cell] = {}
        for cell in cells:
            unique.setdefault(cell.id, cell)  # of equal cells the first keeps its label
        self._check_metrics(metrics, {cell.data.prepared.domain for cell in cells})
        self._stop_at_faults()
        return Plan(self.config.name, tuple(sorted(unique.values(), key=_order)), metrics, tuple(self.notes))

    def _metrics(self) -> tuple[Metric, ...]:
        """Every registered metric; one that fails becomes a fault before any work is done that it would lose."""
        metrics = tuple(self._try(self.plugins.metrics) or ())
        self._check_metrics(metrics, {Domain("item", "items")})
        return metrics

    def _check_metrics(self, metrics: Sequence[Metric], domains: Iterable[Domain]) -> None:
        for fault in metric_faults(metrics, sorted(domains, key=lambda domain: domain.labels)):
            self._blame(PluginError(fault))

    def _stop_at_faults(self) -> None:
        if len(self.faults) == 1 and not self.option_faults:
            raise self.faults[0]
        if self.faults or self.option_faults:
            raise ConfigError([*map(str, self.faults), *self.option_faults])

    def _try(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """The work's result; None, with the fault kept, if there is one."""
        try:
            return work(*args, **kwargs)
        except DuetbenchError as error:
            self._blame(error)
            return None

    def _blame(self, error: DuetbenchError) -> None:
        if str(error) not in map(str, self.faults):
            self.faults.append(error)

    def _used(self, grid: Grid) -> Iterator[Scope]:
        """Every plugin that a grid names; names that nothing carries become faults."""
        yield from self._named("dataset", grid.datasets)
        yield from self._named("scorer", [*grid.scorers, *(self._baselines() if grid.baselines else [])])
        if not grid.strategies:
            return
        yield from self._named("strategy", grid.strategies)
        yield from self._named("trainer", grid.trainers or self._default_trainers(grid.strategies))
        yield from self._named("engine", [grid.engine])

    def _named(self, kind: Kind, names: Iterable[str]) -> Iterator[Scope]:
        for name in names:
            if self._try(self.plugins.get, kind, name):
                yield (kind, name)

    def _default_trainers(self, strategies: Iterable[str]) -> list[str]:
        known = self.plugins.of_kind("strategy")
        return [default_trainer(self.plugins, name) for name in strategies if name in known]

    def _baselines(self) -> list[str]:
        """Every scorer without a model, and names that might be one's: a baseline must not go missing unseen."""
        known = [name for name in self.plugins.of_kind("scorer") if not asks_a_model(self.plugins, name)]
        return [*known, *self.plugins.ambiguous("scorer")]

    def _models(self) -> dict[str, ModelChoice]:
        names = dict.fromkeys(name for grid in self.config.grids if grid.strategies for name in grid.models)
        found = {name: self._try(model_choice, name) for name in names}
        return {name: choice for name, choice in found.items() if choice}

    def _options(self, grid: Grid, used: set[Scope]) -> OptionValues:
        sections = option_sections()
        return OptionValues(self.plugins, sections, file=grid.options, settings=self.config.settings, preferred=used)

    def _check(self, grid: Grid, options: OptionValues, models: Mapping[str, ModelChoice]) -> Callable[[], list[Cell]]:
        """Builds every option set of a grid, so that all faults are known before any data are touched."""
        parts = PluginResolver(self.plugins, grid, options, models)
        parts.build_all(grid.scorers, self._baselines() if grid.baselines else [])
        for error in parts.faults:
            self._blame(error)
        self.option_faults.update(dict.fromkeys(options.faults))
        return lambda: self._cells(grid, parts)

    def _cells(self, grid: Grid, parts: PluginResolver) -> list[Cell]:
        datasets = [self._data(name, grid.split, parts) for name in grid.datasets]
        return [cell for data in datasets for cell in self._cells_of(data, grid, parts)]

    def _cells_of(self, data: DatasetChoice, grid: Grid, parts: PluginResolver) -> Iterator[Cell]:
        asking, free = parts.split_scorers(grid.scorers)
        for name in dict.fromkeys([*(self._baselines() if grid.baselines else []), *free]):
            yield from self._once(self._cell(grid, parts, data, parts.choice("scorer", name), seed=grid.seeds[0]))
        if free and grid.strategies:
            self.notes[f"{', '.join(free)}: asks no model, so it is run once per dataset and not per strategy"] = None
        combinations = itertools.product(grid.strategies, grid.models, asking, grid.seeds)
        for strategy, model, scorer, seed in combinations:
            for trainer in self._trainers(parts.choice("strategy", strategy, model), parts):
                writing = parts.writing(strategy, trainer, model, scorer)
                yield self._cell(grid, parts, data, parts.choice("scorer", scorer, model), seed=seed, writing=writing)

    def _once(self, cell: Cell) -> Iterator[Cell]:
        """A cell without a model, unless another grid has it on the same rows with other seeds or histories."""
        rows = (cell.data.prepared.fingerprint, cell.split, cell.limit, cell.data.options.sample_seed)
        key = (rows, cell.scorer.name, repr(cell.scorer.config), repr(cell.evaluation))
        if key not in self.without_model:
            self.without_model.add(key)
            yield cell

    def _cell(
        self,
        grid: Grid,
        parts: PluginResolver,
        data: DatasetChoice,
        scorer: PluginChoice,
        *,
        seed: int,
        writing: WriterSpec | None = None,
    ) -> Cell:
        data = replace(data, history=parts.history_of([scorer, *([writing.strategy] if writing else [])]))
        label = grid.label if writing else ""
        return Cell(data, scorer, parts.evaluation, seed, grid.split, grid.limit, writing, label)

    def _trainers(self, strategy: PluginChoice, parts: PluginResolver) -> list[str]:
        """The trainers that make sense for a strategy: one that writes nothing has nothing to train."""
        trainers = parts.trainers(strategy.name)
        if strategy.make().stages():
            return trainers
        for name in trainers:
            if does_train(self.plugins, name):
                self.notes[f"{strategy.name} writes nothing, so there is nothing to train with '{name}'"] = None
        return [UNTRAINED]

    def _data(self, name: str, split: str, parts: PluginResolver) -> DatasetChoice:
        from duetbench.data import prepare

        choice, options, history = parts.choice("dataset", name), parts.data, parts.history
        key = (name, repr(choice.config), repr(options), repr(history))
        if key not in self.prepared:
            self.on_progress(f"preparing {name}")
            raw = Path(options.raw).expanduser() if options.raw else None
            prepared = prepare(
                choice.make(), raw=raw, steps=options.steps, tolerated=options.tolerated, on_progress=self.on_progress
            )
            self.prepared[key] = DatasetChoice(choice, options, history, prepared)
        data = self.prepared[key]
        _check_split(data, split)
        return data


def _check_split(data: DatasetChoice, split: str) -> None:
    rows = data.prepared.steps[-1].splits
    empty = [name for name in ("train", split) if not rows.get(name)]
    if empty:
        steps = ", ".join(count.step for count in data.prepared.steps)
        raise DataError(
            f"{data.choice.name}: nothing is left in {' and '.join(empty)} after the steps {steps}; choose other "
            "steps with --set data.steps=..., or add raw data"
        )


def _order(cell: Cell) -> tuple[bool, str, str]:
    """Scorers without a model first; then by model, and what is trained after what is not."""
    writing = cell.writing
    return (writing is not None, writing.model.name if writing else "", cell.training_id or "")
