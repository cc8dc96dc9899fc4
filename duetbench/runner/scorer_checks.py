"""Checks before any work that scorers can predict ratings on the scales of their cells, with their engines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from duetbench.interfaces import Engine, Scorer
from duetbench.runner.engine_pool import EnginePool
from duetbench.runner.planning.cells import Cell, ModelChoice, PluginChoice


def scorer_faults(cells: Iterable[Cell], pool: EnginePool) -> list[str]:
    """One line for each scorer that cannot read ratings on a cell's scale, such as labels that its engine cannot read.

    What cannot be used at all is no fault here: `check_requirements` reports it, or its cells fail with the reason.

    Args:
        cells: Those to be computed.
        pool: Provides engines; no weights are loaded.
    """
    faults: dict[str, None] = {}
    checked: set[tuple[int, ...]] = set()
    for cell in cells:
        for choice, engine in _scorers(cell):
            key = (id(choice), *map(id, engine or ()), id(cell.data.prepared))  # cells share these objects
            if key not in checked:
                checked.add(key)
                faults |= dict.fromkeys(filter(None, [_fault(choice, engine, cell, pool)]))
    return list(faults)


_Engine = tuple[PluginChoice, ModelChoice] | None
"""The engine of a scorer with its model; None: the scorer needs none."""


def _scorers(cell: Cell) -> Iterator[tuple[PluginChoice, _Engine]]:
    """Every scorer of a cell, in its evaluation and in its training, with its engine."""
    writing = cell.writing
    if writing is None:
        yield cell.scorer, None
        return
    frozen = (writing.engine, writing.model)
    yield (cell.control.scorer if cell.control else cell.scorer), frozen
    loop = writing.scorer_engine
    for choice in (writing.trained_on, writing.monitor_scorer):
        if choice:
            yield choice, ((loop.engine, loop.model) if loop else frozen)


def _fault(choice: PluginChoice, engine: _Engine, cell: Cell, pool: EnginePool) -> str | None:
    scorer: Scorer = choice.make()
    loaded: Engine | None = None
    try:
        if engine and scorer.needs_engine:
            loaded = pool.engine(engine[0], pool.model(engine[1]).base)
        fault = scorer.fault(cell.data.prepared.domain, loaded)
    except KeyboardInterrupt:
        raise
    except BaseException:  # a bug in a plugin, or a server that does not answer
        return None
    return f"{cell.data.choice.name}: {fault}" if fault else None
