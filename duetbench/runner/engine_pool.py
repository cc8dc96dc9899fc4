"""Engines by model, each loaded once and shared by all cells that use it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from duetbench.digests import canonical_json
from duetbench.errors import DuetbenchError
from duetbench.runner.placement import Placement
from duetbench.runner.planning.cells import ModelChoice, PluginChoice
from duetbench.types import ModelRef

if TYPE_CHECKING:
    from duetbench.engines.store.stored_engine import ComputeClock, RequestStore, StoredEngine

MAX_MODELS = 2
"""Base models that are loaded at a time: a training may use a scorer on another model."""
MAX_ADAPTERS = 2
"""Engines with adapters on one base model at a time, besides the engine without: strategies may train two stages."""


class _Base(NamedTuple):
    """Weights without an adapter, and what runs them."""

    engine: str
    options: str
    path: str
    digest: str


class _EngineKey(NamedTuple):
    base: _Base
    model: str
    """The whole reference: models that differ in arguments of the chat template only have different prompts."""
    adapter: str | None


class EnginePool:
    """Loads engines when they are first used and closes the least recently used ones.

    The engine of a base model stays open as long as one of its adapters is in use, so that weights which both share are
    loaded once.

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
        self._open: OrderedDict[_EngineKey, StoredEngine] = OrderedDict()
        self._served: dict[_EngineKey, _EngineKey] = {}
        """Keys of engines by those of the models that were requested: a server may run other weights of that name."""
        self._models: dict[str, ModelRef] = {}
        self._failed: dict[str, DuetbenchError] = {}
        self._clock: ComputeClock | None = None

    @property
    def compute_seconds(self) -> float:
        """Time in which the pool's engines computed so far."""
        return self._clock.seconds if self._clock else 0.0

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
        from duetbench.engines.store.stored_engine import ComputeClock, StoredEngine

        requested = _engine_key(choice, model)
        key = self._served.get(requested, requested)
        if key in self._open:
            self._open.move_to_end(key)
            return self._open[key]
        self._make_room(key.base, has_adapter=key.adapter is not None)
        self._report(f"loading {model.name}" + (f" with {Path(model.adapter).name}" if model.adapter else ""))
        self._clock = self._clock or ComputeClock()
        made = self._placement.engine(choice, model)
        key = self._served[requested] = _engine_key(choice, made.model)
        if key not in self._open:
            self._open[key] = StoredEngine(made, self.store, on_done=self._on_done, clock=self._clock)
        return self._open[key]

    @property
    def store(self) -> RequestStore:
        """The request store, opened at the first access."""
        from duetbench.engines.store.stored_engine import RequestStore, default_store

        if self._store is None:
            self._store = RequestStore(self._path or default_store())
        return self._store

    def _make_room(self, base: _Base, *, has_adapter: bool) -> None:
        """Closes engines that were not used for long, before one on this base model is opened."""
        adapted = [key for key in self._open if key.base == base and key.adapter is not None]
        if has_adapter and len(adapted) >= MAX_ADAPTERS:
            self._open.pop(adapted[0]).close()
        last_uses = {key.base: position for position, key in enumerate(self._open)}
        if base not in last_uses and len(last_uses) >= MAX_MODELS:
            oldest = min(last_uses, key=lambda each: last_uses[each])
            for key in [key for key in self._open if key.base == oldest]:
                self._open.pop(key).close()

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


def _engine_key(choice: PluginChoice, model: ModelRef) -> _EngineKey:
    base = _Base(choice.name, repr(choice.config), model.path, model.digest)
    return _EngineKey(base, repr(model), model.adapter_digest or model.adapter)
