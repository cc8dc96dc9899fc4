"""Engines by model, each loaded once and shared by all cells that use it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duetbench.digests import canonical_json
from duetbench.errors import DuetbenchError
from duetbench.runner.planning.cells import ModelChoice, PluginChoice
from duetbench.types import ModelRef

if TYPE_CHECKING:
    from duetbench.engines.store.stored_engine import RequestStore, StoredEngine

MAX_OPEN = 2
"""A trained cell uses two engines: the trained writer and the frozen scorer."""


class EnginePool:
    """Loads engines when they are first used and closes the least recently used ones.

    Args:
        store: File of the request store; None: the one in the user's cache.
        on_done: Called with the number of prompts that were just answered.
        on_progress: Called with a status line when a slow operation begins.
    """

    def __init__(
        self, store: Path | None, *, on_done: Callable[[int], None], on_progress: Callable[[str], None]
    ) -> None:
        self._path = store
        self._store: RequestStore | None = None
        self._on_done = on_done
        self._report = on_progress
        self._open: OrderedDict[tuple[Any, ...], StoredEngine] = OrderedDict()
        self._models: dict[str, ModelRef] = {}
        self._failed: dict[str, DuetbenchError] = {}

    def model(self, choice: ModelChoice) -> ModelRef:
        """The weights of a model, downloaded if necessary. A model that failed once fails again at once."""
        key = canonical_json(choice.describe())
        if key in self._failed:
            raise self._failed[key]
        if key not in self._models:
            try:
                self._models[key] = choice.resolve(self._report_fetching)
            except DuetbenchError as error:
                self._failed[key] = error
                raise
        return self._models[key]

    def engine(self, choice: PluginChoice, model: ModelRef) -> StoredEngine:
        """The engine for these weights, behind the request store."""
        from duetbench.engines.store.stored_engine import RequestStore, StoredEngine, default_store

        key = (choice.name, repr(choice.config), repr(model))
        if key in self._open:
            self._open.move_to_end(key)
            return self._open[key]
        while len(self._open) >= MAX_OPEN:
            self._open.popitem(last=False)[1].close()
        if self._store is None:
            self._store = RequestStore(self._path or default_store())
        self._report(f"loading {model.name}" + (f" with {Path(model.adapter).name}" if model.adapter else ""))
        engine = StoredEngine(choice.make(model=model), self._store, on_done=self._on_done)
        self._open[key] = engine
        return engine

    def close(self) -> None:
        """Closes all engines and the store."""
        while self._open:
            self._open.popitem()[1].close()
        if self._store is not None:
            self._store.close()
            self._store = None

    def _report_fetching(self, step: str, done: int, total: int) -> None:
        share = f" {100 * done // total}%" if total else ""
        self._report(f"{step}{share}")
