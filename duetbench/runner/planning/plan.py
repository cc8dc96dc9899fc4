"""Expands a run's configuration into cells, each combination once; reports all faults before any computation."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from duetbench.errors import ConfigError, DataError, DuetbenchError, MissingDependency, MissingRawFiles, PluginError
from duetbench.evaluation.metric_values import metric_faults
from duetbench.interfaces import Kind, Metric
from duetbench.plugins import Plugins
from duetbench.runner.config.options import OptionValues, Scope, merged_uses
from duetbench.runner.config.run_config import TOY_DATASET, TOY_MODEL, Grid, RunConfig
from duetbench.runner.planning.cells import Cell, DatasetChoice, ModelChoice, PluginChoice, WriterSpec
from duetbench.runner.planning.controls import NO_WRITER, UNTRAINED, ControlPlanner, control_names, retraining
from duetbench.runner.planning.prepared_folders import PreparedFolder, PreparedFolders, registered_dataset
from duetbench.runner.planning.resolver import (
    PluginResolver,
    default_trainer,
    does_train,
    missing_package,
    model_choice,
    option_sections,
    policy_options,
    uses_a_model,
)
from duetbench.types import Domain

if TYPE_CHECKING:
    from duetbench.data import Prepared
    from duetbench.interfaces import Dataset

P = ParamSpec("P")
T = TypeVar("T")
OnProgress = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """The cells of a run."""

    name: str
    cells: tuple[Cell, ...]
    """Distinct, in the order of execution: cells that share a model are adjacent."""
    metrics: tuple[Metric, ...] = ()
    """Computed from the predictions of every cell."""
    notes: tuple[str, ...] = ()
    """Messages for the user: combinations that were left out, and why."""


def plan(config: RunConfig, plugins: Plugins, *, on_progress: OnProgress | None = None) -> Plan:
    """All cells of a run. Datasets are prepared, since their fingerprints are part of the cells; no model is loaded.

    Args:
        config: The run's configuration.
        plugins: The plugin register.
        on_progress: Called with a status line when a slow operation begins.

    Raises:
        UnknownName: an unknown name.
        ConfigError: invalid options, all at once.
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
    prepared: dict[tuple[Any, ...], Prepared] = field(default_factory=dict)
    without_model: set[tuple[Any, ...]] = field(default_factory=set)
    noted_drops: set[tuple[str, int]] = field(default_factory=set)
    folders: PreparedFolders = field(init=False)

    def __post_init__(self) -> None:
        self.folders = PreparedFolders(self.plugins)

    def plan(self) -> Plan:
        self.config = replace(self.config, grids=tuple(map(self._with_model, self.config.grids)))
        named = {scope for grid in self.config.grids for scope in self._used(grid)}
        models = self._models()
        metrics = self._metrics()
        if "data.sample_seed" in self.config.settings and not any(grid.limit for grid in self.config.grids):
            self.option_faults["data.sample_seed: no effect: it chooses the pairs of --limit; leave it out"] = None
        self._stop_at_faults()
        grids = [(grid, self._options(grid, named)) for grid in self.config.grids]
        resolvers = [(grid, self._check(grid, options, models)) for grid, options in grids]
        self._check_preparation([parts for _, parts in resolvers])
        used = merged_uses(options.used for _, options in grids)
        self.option_faults.update(dict.fromkeys(fault for _, options in grids for fault in options.unused(used)))
        self._stop_at_faults()
        self._check_raw_files(resolvers)
        cells = [cell for grid, parts in resolvers for cell in self._cells(grid, parts)]
        if not any(grid.strategies for grid in self.config.grids):
            self.notes["no strategy is given: only scorers without a model are run"] = None
        unique: dict[str, Cell] = {}
        for cell in cells:
            unique.setdefault(cell.id, cell)  # among equal cells the label of the first one is kept
        self._check_metrics(metrics, {cell.data.prepared.domain for cell in cells})
        self._stop_at_faults()
        return Plan(self.config.name, _ordered(unique.values()), metrics, tuple(self.notes))

    def _with_model(self, grid: Grid) -> Grid:
        """The grid with the default model if it names none and needs one."""
        registered = self.plugins.of_kind("scorer")
        prompted = [name for name in grid.scorers if name not in registered or uses_a_model(self.plugins, name)]
        if grid.models or not (grid.strategies and prompted):
            return grid
        others = [name for name in grid.datasets if self.folders.dataset_name(name) not in (TOY_DATASET, None)]
        if others:
            from duetbench.models import card_names

            known = ", ".join(name for name in card_names() if name != TOY_MODEL)
            self.option_faults[
                f"models: {', '.join(others)} needs a model: the default, {TOY_MODEL}, knows the dataset {TOY_DATASET} "
                f"only; choose one with --model ({known}, path:DIR or served:NAME)"
            ] = None
        return replace(grid, models=(TOY_MODEL,))

    def _metrics(self) -> tuple[Metric, ...]:
        """Every registered metric. One that fails is reported here, before any cell is computed."""
        metrics = tuple(self._try(self.plugins.metrics) or ())
        self._check_metrics(metrics, {Domain("item", "items")})
        return metrics

    def _check_metrics(self, metrics: Sequence[Metric], domains: Iterable[Domain]) -> None:
        for fault in metric_faults(metrics, sorted(domains, key=lambda domain: domain.labels)):
            self._collect(PluginError(fault))

    def _stop_at_faults(self) -> None:
        if len(self.faults) == 1 and not self.option_faults:
            raise self.faults[0]
        if self.faults or self.option_faults:
            raise ConfigError([*map(str, self.faults), *self.option_faults])

    def _try(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """The result of a call; None if it raises, and the fault is collected."""
        try:
            return work(*args, **kwargs)
        except DuetbenchError as error:
            self._collect(error)
            return None

    def _collect(self, error: DuetbenchError) -> None:
        if str(error) not in map(str, self.faults):
            self.faults.append(error)

    def _used(self, grid: Grid) -> Iterator[Scope]:
        """Every plugin that a grid names; unknown names become faults."""
        yield from self._named("dataset", [name for name in grid.datasets if self._is_registered(name)])
        for scope in self._named("scorer", [*grid.scorers, *(self._baselines() if grid.baselines else [])]):
            if reason := missing_package(self.plugins, scope[1]):
                self._collect(MissingDependency(reason))
            yield scope
        if not grid.strategies:
            return
        yield from self._named("control", control_names(grid, self.plugins))
        yield from self._named("strategy", [*grid.strategies, *([NO_WRITER] if grid.controls else [])])
        trainers = list(self._named("trainer", grid.trainers or self._default_trainers(grid.strategies)))
        yield from trainers
        named = [policy_options(self.plugins, name) for _, name in trainers]
        yield from self._named("engine", dict.fromkeys([grid.engine, *(used.engine for used in named if used)]))

    def _named(self, kind: Kind, names: Iterable[str]) -> Iterator[Scope]:
        for name in names:
            if self._try(self.plugins.get, kind, name):
                yield (kind, name)

    def _is_registered(self, dataset: str) -> bool:
        """False for a folder of a prepared dataset; a name that is neither becomes a fault."""
        return self._try(registered_dataset, self.plugins, dataset) is not None

    def _default_trainers(self, strategies: Iterable[str]) -> list[str]:
        registered = self.plugins.of_kind("strategy")
        return [default_trainer(self.plugins, name) for name in strategies if name in registered]

    def _baselines(self) -> list[str]:
        """Every scorer without a model that can run here, and ambiguous names: none of them may disappear silently."""
        without_model = [name for name in self.plugins.of_kind("scorer") if not uses_a_model(self.plugins, name)]
        usable = [name for name in without_model if missing_package(self.plugins, name) is None]
        return [*usable, *self.plugins.ambiguous("scorer")]

    def _models(self) -> dict[str, ModelChoice]:
        names = dict.fromkeys(name for grid in self.config.grids if grid.strategies for name in grid.models)
        choices = {name: self._try(model_choice, name) for name in names}
        return {name: choice for name, choice in choices.items() if choice}

    def _options(self, grid: Grid, used: set[Scope]) -> OptionValues:
        sections = option_sections()
        return OptionValues(self.plugins, sections, file=grid.options, settings=self.config.settings, preferred=used)

    def _check(self, grid: Grid, options: OptionValues, models: Mapping[str, ModelChoice]) -> PluginResolver:
        """Builds every option set of a grid, so that all faults are known before any dataset is prepared."""
        parts = PluginResolver(self.plugins, grid, options, models, self.folders)
        parts.build_all(grid.scorers, self._baselines() if grid.baselines else [])
        for error in parts.faults:
            self._collect(error)
        if grid.split == "valid" and parts.history.source == "train+test":
            fault = "history.source: train+test differs from train for test requests only; use train with split valid"
            self.option_faults[fault] = None
        self._check_controls(grid, parts)
        self.option_faults.update(dict.fromkeys(options.faults))
        return parts

    def _check_preparation(self, resolvers: Sequence[PluginResolver]) -> None:
        """Refuses options of the preparation that have no effect in any grid of the run."""
        effects = [parts.preparation_effects() for parts in resolvers]
        for name in dict.fromkeys(name for effect in effects for name in effect):
            reasons = [effect[name] for effect in effects if name in effect]
            if all(reasons):
                self.option_faults[f"data.{name}: {reasons[0]}"] = None

    def _check_raw_files(self, resolvers: Sequence[tuple[Grid, PluginResolver]]) -> None:
        """Raises an error that names the missing raw files of all datasets, before any is prepared for hours."""
        from duetbench.data import find_raw_files

        faults: dict[str, None] = {}
        for grid, parts in resolvers:
            for name in grid.datasets:
                dataset = parts.dataset(name)
                if not isinstance(dataset, PluginChoice):
                    continue  # a prepared folder needs no raw files
                try:
                    find_raw_files(dataset.make(), _raw_folder(dataset, parts))
                except MissingRawFiles as error:
                    faults[str(error)] = None
        if faults:
            raise MissingRawFiles("; ".join(faults))

    def _check_controls(self, grid: Grid, parts: PluginResolver) -> None:
        """Builds the options of controls and of the trainers that they use."""
        if not (grid.controls and grid.strategies):
            return
        trainers = self._try(retraining, grid, self.plugins, parts) or []
        prompted, _ = parts.split_scorers(grid.scorers)
        for model, scorer in itertools.product(grid.models, prompted):
            self._try(parts.writing, NO_WRITER, UNTRAINED, model, scorer)
            for strategy, trainer in itertools.product(grid.strategies, trainers):
                self._try(parts.writing, strategy, trainer, model, scorer)

    def _cells(self, grid: Grid, parts: PluginResolver) -> list[Cell]:
        datasets = [self._data(name, grid.split, parts) for name in grid.datasets]
        return [cell for data in datasets for cell in self._cells_of(data, grid, parts)]

    def _cells_of(self, data: DatasetChoice, grid: Grid, parts: PluginResolver) -> Iterator[Cell]:
        prompted, free = parts.split_scorers(grid.scorers)
        for name in dict.fromkeys([*(self._baselines() if grid.baselines else []), *free]):
            yield from self._once(self._cell(grid, parts, data, parts.choice("scorer", name), seed=grid.seeds[0]))
        if free and grid.strategies:
            self.notes[f"{', '.join(free)}: uses no model, so it runs once per dataset and not per strategy"] = None
        controls = ControlPlanner(grid, self.plugins, parts, self.notes)
        trainers = {
            (strategy, model): self._trainers(parts.strategy(strategy, model), parts)
            for strategy, model in itertools.product(grid.strategies, grid.models if prompted else ())
        }
        combinations = itertools.product(grid.strategies, grid.models, prompted, grid.seeds)
        for strategy, model, scorer, seed in combinations:
            for trainer in trainers[strategy, model]:
                writing = parts.writing(strategy, trainer, model, scorer)
                self._note_dropped_rows(data, writing)
                self._note_toy_model(data, writing)
                choice = parts.choice("scorer", scorer, model)
                yield from controls.with_controls(self._cell(grid, parts, data, choice, seed=seed, writing=writing))

    def _note_dropped_rows(self, data: DatasetChoice, writing: WriterSpec) -> None:
        """Says how many training rows `training.min_user_history` leaves out."""
        least = writing.training.min_user_history if writing.training else 0
        if not least or (data.prepared.fingerprint, least) in self.noted_drops:
            return
        self.noted_drops.add((data.prepared.fingerprint, least))
        n_rows, n_dropped = data.prepared.steps[-1].splits["train"], data.n_dropped_for_history(least)
        self.notes[
            f"{data.choice.name}: {n_dropped:,} of {n_rows:,} training rows are dropped: their users have fewer "
            f"earlier interactions than training.min_user_history ({least})"
        ] = None

    def _note_toy_model(self, data: DatasetChoice, writing: WriterSpec) -> None:
        """Says that the results of the toy model mean nothing on other data."""
        if writing.model.name == TOY_MODEL and data.choice.name != TOY_DATASET:
            self.notes[
                f"{TOY_MODEL} was trained on the texts of the dataset {TOY_DATASET} only: its results on "
                f"{data.choice.name} say nothing about any strategy; choose another model with --model"
            ] = None

    def _once(self, cell: Cell) -> Iterator[Cell]:
        """A cell without a model, unless another grid contains it with other seeds, or other histories if unread."""
        rows = (cell.data.prepared.fingerprint, cell.split, cell.limit, cell.data.options.sample_seed)
        history = repr(cell.data.history) if cell.scorer.make().reads_history else ""
        key = (rows, history, cell.scorer.name, repr(cell.scorer.config), repr(cell.evaluation))
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
        data = replace(data, history=parts.history_of([scorer, *(writing.history_readers if writing else ())]))
        label = grid.label if writing else ""
        return Cell(data, scorer, parts.evaluation, seed, grid.split, grid.limit, writing, label)

    def _trainers(self, strategy: PluginChoice, parts: PluginResolver) -> list[str]:
        """The trainers of a strategy; a strategy without stages has nothing to train."""
        trainers = parts.trainers(strategy.name)
        if strategy.make().stages():
            return trainers
        for name in trainers:
            if does_train(self.plugins, name):
                self.notes[f"{strategy.name} writes no profiles, so there is nothing to train with '{name}'"] = None
        return [UNTRAINED]

    def _data(self, name: str, split: str, parts: PluginResolver) -> DatasetChoice:
        from duetbench.data.history import check_source

        choice = parts.dataset(name)
        if isinstance(choice, PreparedFolder):
            data = DatasetChoice(choice.choice, parts.data, parts.history, choice.prepared, choice.prepared.folder)
        else:
            data = DatasetChoice(choice, parts.data, parts.history, self._prepare(choice, parts))
        check_source(data.prepared, parts.history)
        _check_split(data, split)
        return data

    def _prepare(self, choice: PluginChoice, parts: PluginResolver) -> Prepared:
        """The prepared tables, which all cells share that have them in common: they are loaded once."""
        from duetbench.data import prepare

        options = parts.data
        key = (choice.name, repr(choice.config), options.raw, options.steps, options.max_error_rate)
        if key not in self.prepared:
            self.on_progress(f"preparing {choice.name}")
            self.prepared[key] = prepare(
                choice.make(),
                raw=_raw_folder(choice, parts),
                steps=options.steps,
                max_error_rate=options.max_error_rate,
                on_progress=self.on_progress,
            )
        return self.prepared[key]


def _raw_folder(dataset: PluginChoice, parts: PluginResolver) -> Path | None:
    """The folder of raw files that the options name for a dataset; None: its default."""
    cls = cast("type[Dataset]", dataset.registered.cls)
    return Path(parts.data.raw).expanduser() if parts.data.raw and not cls.generates_raw_files else None


def _check_split(data: DatasetChoice, split: str) -> None:
    rows = data.prepared.steps[-1].splits
    empty = [name for name in ("train", split) if not rows.get(name)]
    if empty:
        steps = ", ".join(count.step for count in data.prepared.steps)
        raise DataError(
            f"{data.choice.name}: no rows are left in {' and '.join(empty)} after the steps {steps}; choose other "
            "steps with --set data.steps=..., or add raw data"
        )


def _ordered(cells: Iterable[Cell]) -> tuple[Cell, ...]:
    """Cells without a model first; then by model, engine and dataset, untrained before trained, a training before its
    control: each model is loaded once, its adapters while it is loaded, and a dataset's examples are built once.
    """
    cells = list(cells)
    datasets = list(dict.fromkeys(cell.data.prepared.fingerprint for cell in cells))
    position = {fingerprint: number for number, fingerprint in enumerate(datasets)}

    def key(cell: Cell) -> tuple[bool, str, str, int, str]:
        writing = cell.writing
        reference = cell.control.reference if cell.control else None
        trainings = [str(reference.training_id)] if reference else []
        trainings += [cell.training_id] if cell.training_id else []
        model, engine = (writing.model.name, repr(writing.engine.describe())) if writing else ("", "")
        return (writing is not None, model, engine, position[cell.data.prepared.fingerprint], " ".join(trainings))

    return tuple(sorted(cells, key=key))
