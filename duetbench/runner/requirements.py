"""Checks before any work that everything is there which the unfinished cells of a run need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from duetbench.errors import DuetbenchError, MissingDependency, ModelError, RequirementsError
from duetbench.runner.engine_pool import EnginePool
from duetbench.runner.planning.cells import Cell, ModelChoice, PluginChoice, WriterSpec

if TYPE_CHECKING:
    from duetbench.models import ModelCard


def check_requirements(cells: Sequence[Cell], pool: EnginePool) -> None:
    """Checks packages, devices, disk space, weights and servers; models that are absent are fetched last.

    Args:
        cells: Those to be computed.
        pool: Provides the engines; no weights are loaded.

    Raises:
        RequirementsError: what is missing, all at once; if it is one thing only, the error that it would raise later.
    """
    writers = list({id(cell.writing): cell.writing for cell in cells if cell.writing}.values())
    uses = list(dict.fromkeys(use for writing in writers for use in _uses(writing)))
    absent = _absent(use.model for use in uses)
    _raise(_machine_faults(cells, writers, absent))
    for use in [use for use in uses if use.model.name not in absent]:  # before anything is fetched
        use.check(pool)
    _raise(fault for use in uses for fault in use.faults)
    for use in [use for use in uses if use.model.name in absent]:
        use.check(pool)
    _raise(fault for use in uses for fault in use.faults)


@dataclass(frozen=True)
class _ModelUse:
    """A model, and the engine that runs it."""

    model: ModelChoice
    engine: PluginChoice
    faults: list[DuetbenchError] = field(default_factory=list, compare=False)

    def __hash__(self) -> int:
        return hash((self.model.name, self.engine.name, repr(self.engine.config)))

    def check(self, pool: EnginePool) -> None:
        """Fetches the model if it is absent, and asks the engine what it runs; collects the faults."""
        try:
            pool.engine(self.engine, pool.model(self.model)).info()
        except DuetbenchError as error:
            self.faults.append(error)
        except KeyboardInterrupt:
            raise
        except BaseException:  # a bug in a third-party engine: its cells fail, with a traceback
            return


def _uses(writing: WriterSpec) -> Iterator[_ModelUse]:
    yield _ModelUse(writing.model, writing.engine)
    if writing.scorer_engine:
        yield _ModelUse(writing.scorer_engine.model, writing.scorer_engine.engine)
    yield from (_ModelUse(model, writing.engine) for model in writing.further_models)


def _machine_faults(
    cells: Iterable[Cell], writers: Iterable[WriterSpec], absent: Mapping[str, Sequence[ModelCard]]
) -> Iterator[DuetbenchError]:
    """What is known without the models: packages that are not installed, devices that are absent, a full disk."""
    from duetbench.models.pull import space_fault

    choices = [choice for cell in cells for choice in cell.choices().values()]
    for writing in writers:
        choices += [choice for choice in (writing.trained_on, writing.monitor_scorer, writing.policy_engine) if choice]
        choices += [writing.scorer_engine.engine] if writing.scorer_engine else []
    for choice in {id(choice): choice for choice in choices}.values():  # cells share their plugins
        if reason := choice.registered.missing(choice.config):
            yield MissingDependency(reason)
    if reason := space_fault(list({card.name: card for cards in absent.values() for card in cards}.values())):
        yield ModelError(reason)


def _absent(models: Iterable[ModelChoice]) -> dict[str, list[ModelCard]]:
    """The cards that have to be fetched, by the name of the model that needs them; each card is read once."""
    from duetbench.models.pull import absent_cards

    cards = {name: absent_cards([name]) for name in dict.fromkeys(model.name for model in models)}
    return {name: absent for name, absent in cards.items() if absent}


def _raise(faults: Iterable[DuetbenchError]) -> None:
    distinct = list({str(fault): fault for fault in faults}.values())
    if len(distinct) == 1:
        raise distinct[0]
    if distinct:
        raise RequirementsError([str(fault) for fault in distinct])
