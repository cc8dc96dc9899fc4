"""Engines by model, each loaded once and shared by all cells that use it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
        self._keys: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        """Keys by those of the models that were asked for: a server may run other weights than those of that name."""
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
        from duetbench.engines.store.stored_engine import RequestStore, StoredEngine, default_store

        asked = _key(choice, model)
        key = self._keys.get(asked, asked)
        if key in self._open:
            self._open.move_to_end(key)
            return self._open[key]
        while len(self._open) >= MAX_OPEN:
            self._open.popitem(last=False)[1].close()
        if self._store is None:
            self._store = RequestStore(self._path or default_store())
        self._report(f"loading {model.name}" + (f" with {Path(model.adapter).name}" if model.adapter else ""))
        engine = StoredEngine(choice.make(model=model), self._store, on_done=self._on_done)
        key = self._keys[asked] = _key(choice, engine.model)
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


def _key(choice: PluginChoice, model: ModelRef) -> tuple[Any, ...]:
    return (choice.name, repr(choice.config), model.name, model.path, model.digest, model.adapter_digest)
