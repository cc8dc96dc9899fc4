"""Engines by model, each loaded once and shared by all cells that use it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duetbench.errors import DuetbenchError
from duetbench.runner.placement import Placement
from duetbench.runner.planning.cells import ModelChoice, PluginChoice
from duetbench.types import ModelRef

if TYPE_CHECKING:
    from duetbench.engines.store.stored_engine import RequestStore, StoredEngine

MAX_OPEN = 2
"""A trained cell uses two engines: the trained writer and the frozen scorer."""


class EnginePool:
    """Loads engines when they are first used and closes the least recently used ones.

    Args:
        store: The request store or its file; None: the one in the user's cache.
        on_done: Called with the number of prompts that were just answered.
        on_progress: Called with a status line when a slow operation begins.
        placement: Makes the engines; None: they run in this process.
    """

    def __init__(
        self,
        store: Path | RequestStore | None,
        *,
        on_done: Callable[[int], None],
        on_progress: Callable[[str], None],
        placement: Placement | None = None,
    ) -> None:
        self._path = store if isinstance(store, Path) else None
        self._store = None if isinstance(store, Path) else store
        self._placement = placement or Placement()
        self._on_done = on_done
        self._report = on_progress
        self._open: OrderedDict[tuple[Any, ...], StoredEngine] = OrderedDict()
        self._models: dict[str, ModelRef] = {}
        self._failed: dict[str, DuetbenchError] = {}

    def model(self, choice: ModelChoice) -> ModelRef:
        """The weights of a model, downloaded if necessary. A model that failed once fails again at once."""
        from duetbench.models import resolve

        if choice.name in self._failed:
            raise self._failed[choice.name]
        if choice.name not in self._models:
            try:
                self._models[choice.name] = resolve(choice.name, on_progress=self._report_fetching)
            except DuetbenchError as error:
                self._failed[choice.name] = error
                raise
        return self._models[choice.name]

    def engine(self, choice: PluginChoice, model: ModelRef) -> StoredEngine:
        """The engine for these weights, behind the request store."""
        from duetbench.engines.store.stored_engine import StoredEngine

        key = (choice.name, repr(choice.config), model.name, model.path, model.digest, model.adapter_digest)
        if key in self._open:
            self._open.move_to_end(key)
            return self._open[key]
        while len(self._open) >= MAX_OPEN:
            self._open.popitem(last=False)[1].close()
        self._report(f"loading {model.name}" + (f" with {Path(model.adapter).name}" if model.adapter else ""))
        engine = StoredEngine(self._placement.engine(choice, model), self.store, on_done=self._on_done)
        self._open[key] = engine
        return engine

    @property
    def store(self) -> RequestStore:
        """The request store, opened at the first access."""
        from duetbench.engines.store.stored_engine import RequestStore, default_store

        if self._store is None:
            self._store = RequestStore(self._path or default_store())
        return self._store

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
