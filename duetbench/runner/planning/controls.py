"""The control rows of a grid: which controls apply to a cell, and the cells that they make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from duetbench.errors import ConfigError
from duetbench.interfaces import Control
from duetbench.plugins import Plugins
from duetbench.runner.config.run_config import Grid
from duetbench.runner.planning.cells import Cell, ControlSpec, PluginChoice, WriterSpec
from duetbench.runner.planning.resolver import PluginResolver

if TYPE_CHECKING:
    from duetbench.interfaces import Scorer, Strategy, Trainer

NO_WRITER = "10h"
"""The strategy that writes nothing: rows of controls that do not depend on a writer have it."""
NO_PROFILE = "no_profile"
"""The control that is this strategy."""
UNTRAINED = "none"
"""The trainer that returns the model unchanged."""


def control_names(grid: Grid, plugins: Plugins) -> list[str]:
    """The controls of a grid."""
    if isinstance(grid.controls, tuple):
        return list(grid.controls)
    return [*plugins.of_kind("control"), *plugins.ambiguous("control")] if grid.controls else []


def retraining(grid: Grid, plugins: Plugins, parts: PluginResolver) -> list[str]:
    """The trainers that controls of this grid use in place of the grid's.

    Raises:
        ConfigError: one of them cannot keep to a number of generated tokens.
    """
    controls: list[Control] = [parts.choice("control", name).make() for name in control_names(grid, plugins)]
    trainers = {name for strategy in grid.strategies for name in parts.trainers(strategy)}
    names = dict.fromkeys(
        other for control in controls for name in sorted(trainers) if (other := control.retrained(name)) is not None
    )
    for name in names:
        cls: type[Trainer] = plugins.get("trainer", name).cls  # type: ignore[assignment]
        if not cls.uses_token_budget:
            raise ConfigError([f"trainer '{name}' cannot keep to a number of generated tokens, as a control must"])
    return list(names)


@dataclass(frozen=True)
class ControlPlanner:
    """Makes the control rows of one grid."""

    grid: Grid
    plugins: Plugins
    parts: PluginResolver
    notes: dict[str, None]
    """Receives why controls are left out."""

    def with_controls(self, cell: Cell) -> Iterator[Cell]:
        """The cell, and its controls. A row of `10h` is itself the control without a profile."""
        names = control_names(self.grid, self.plugins)
        is_plain = cell.writing is not None and cell.writing.strategy.name == NO_WRITER
        if not (is_plain and NO_PROFILE in names):
            yield cell
        for name in names:
            control: Control = self.parts.choice("control", name).make()
            made = self._control(cell, name, control)
            if made is not None:
                yield made if name != NO_PROFILE or not is_plain else replace(made, label=cell.label)

    def _control(self, cell: Cell, name: str, control: Control) -> Cell | None:
        writing = self._writer(cell, control)
        if writing is None:
            return None
        model = writing.model.name
        strategy: Strategy = writing.strategy.make()
        scorer: Scorer = cell.scorer.make()
        changed = dict(control.scorer_options(strategy, scorer))
        reason = _missing_options(cell.scorer, changed) or control.obstacle(strategy, scorer)
        if scorer.reads_line_notes() and not strategy.writes_line_notes:
            reason = f"the scorer reads texts on single interactions, which {writing.strategy.name} does not write"
        if reason:
            self.notes[f"control {name} is left out for {writing.strategy.name} with {cell.scorer.name}: {reason}"] = (
                None
            )
            return None
        read = PluginChoice(cell.scorer.registered, replace(cell.scorer.config, **changed)) if changed else cell.scorer
        spec = ControlSpec(
            self.parts.choice("control", name, model),
            read,
            changed,
            control.needs,
            cell if control.needs == "training" else None,
        )
        history = self.parts.history_of([read, *writing.history_readers])
        label = cell.label if control.needs in ("profiles", "training") else ""
        return replace(cell, data=replace(cell.data, history=history), writing=writing, control=spec, label=label)

    def _writer(self, cell: Cell, control: Control) -> WriterSpec | None:
        """The writer of the control row; None: the cell has no such row."""
        writing = cell.writing
        assert writing is not None
        strategy, model = writing.strategy.name, writing.model.name
        if control.needs == "nothing":
            return self.parts.writing(NO_WRITER, UNTRAINED, model, cell.scorer.name)
        if not writing.strategy.make().writes():
            return None
        if control.needs == "window":
            return self.parts.writing(strategy, UNTRAINED, model, cell.scorer.name)
        if control.needs == "profiles":
            return writing
        trainer = control.retrained(writing.trainer.name)
        return self.parts.writing(strategy, trainer, model, cell.scorer.name) if trainer and writing.training else None


def _missing_options(scorer: PluginChoice, changed: Mapping[str, Any]) -> str | None:
    known = {option.name for option in fields(scorer.config)}
    missing = [name for name in changed if name not in known]
    return f"the scorer has no option {', '.join(missing)}" if missing else None
