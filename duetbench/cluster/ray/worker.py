"""What runs in a Ray actor: it loads engines when they are first used, and calls them."""

from __future__ import annotations

import json
import os
import platform
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from duetbench.cluster.jobs import PluginPlaces
from duetbench.digests import canonical_json
from duetbench.engines.store.keys import engine_parts
from duetbench.errors import DuetbenchError, EngineError, ModelError
from duetbench.interfaces import Engine
from duetbench.runner.engine_pool import MAX_MODELS
from duetbench.types import ModelRef

Verb = Literal["generate", "label_logprobs", "info", "label_fault", "batches"]
"""Methods of `Engine` that a worker calls."""


@dataclass(frozen=True)
class EngineSpec:
    """How to make an engine on another machine: plain values, without weights and without secrets."""

    name: str
    """Of the plugin."""
    options: Mapping[str, Any]
    """Every field of its `Config`."""
    code: str
    """What identifies its code, as in the cell's id."""
    model: ModelRef
    places: PluginPlaces


@dataclass(frozen=True)
class WorkerFault:
    """An error that one line explains, returned by a worker."""

    message: str


class EngineWorker:
    """Runs engines in an actor. It keeps as many open as a run in one process does."""

    def __init__(self) -> None:
        self._open: OrderedDict[tuple[str, str], Engine] = OrderedDict()
        """By base model and by everything else; the least recently used first."""

    def ping(self) -> tuple[str, int]:
        """The machine's name and the process id, as soon as the worker is ready."""
        return platform.node(), os.getpid()

    def call(self, spec: EngineSpec, verb: Verb, arguments: tuple[Any, ...], identity: str = "") -> Any:
        """The result of an engine's method, or a `WorkerFault`.

        Args:
            spec: The engine.
            verb: The method.
            arguments: Its arguments.
            identity: What the engine must be, as in the keys of the request store; empty: anything.
        """
        try:
            return getattr(self._engine(spec, identity), verb)(*arguments)
        except DuetbenchError as error:
            return WorkerFault(str(error))

    def _engine(self, spec: EngineSpec, identity: str) -> Engine:
        base = repr(replace(spec, model=spec.model.base))
        key = (base, f"{spec.model!r} {identity}")
        if key in self._open:
            self._open.move_to_end(key)
            return self._open[key]
        self._make_room(base)
        engine = make_engine(spec)
        check_identity(engine, identity)
        self._open[key] = engine
        return engine

    def _make_room(self, base: str) -> None:
        """Closes the engines of the base model that was not used for longest, if another one is to be opened."""
        last_uses = dict.fromkeys(base for base, _ in reversed(self._open))  # the most recently used first
        if base in last_uses or len(last_uses) < MAX_MODELS:
            return
        oldest = list(last_uses)[-1]
        for key in [key for key in self._open if key[0] == oldest]:
            self._open.pop(key).close()


def make_engine(spec: EngineSpec) -> Engine:
    """The engine on this machine.

    Raises:
        EngineError: the plugin's code differs here.
        ModelError: the weights are neither in the same folder nor available here, or differ.
        UnknownName: there is no such engine here.
    """
    from duetbench.runner.planning.cells import PluginChoice

    registered = spec.places.register().get("engine", spec.name)
    choice = PluginChoice(registered, registered.cls.Config(**spec.options))
    if choice.describe()["code"] != spec.code:
        raise EngineError(
            f"engine '{spec.name}' is another version on {platform.node()}: install the same version of duetbench and "
            "of its plugins on all machines"
        )
    engine: Engine = choice.make(model=_local_model(spec.model))
    return engine


def identity_of(engine: Engine) -> str:
    """What the keys of the request store contain of an engine, as text."""
    return canonical_json(engine_parts(engine.info()))


def check_identity(engine: Engine, identity: str) -> None:
    """Checks that an engine answers like the others of its fleet.

    Raises:
        EngineError: it has another identity, such as another precision or another version of a package.
    """
    if not identity or (own := identity_of(engine)) == identity:
        return
    here, expected = json.loads(own), json.loads(identity)
    differing = ", ".join(
        f"{name} {here[name]} and not {expected[name]}" for name in here if here[name] != expected[name]
    )
    raise EngineError(
        f"engine '{engine.name}' on {platform.node()} has {differing}: the nodes must have the same packages and the "
        "same kind of hardware; set the engine's device and dtype, or leave out that node"
    )


def _local_model(model: ModelRef) -> ModelRef:
    """The weights on this machine: in the same folder, or resolved by name and downloaded if necessary."""
    from duetbench.models import resolve

    if Path(model.path).is_dir() and (model.adapter is None or Path(model.adapter).is_dir()):
        return model
    if model.adapter or model.name.startswith("path:"):
        folder = model.path if not Path(model.path).is_dir() else model.adapter
        raise ModelError(f"{folder} is not visible on {platform.node()}: put it on a file system that all nodes share")
    found = resolve(model.name)
    if found.digest != model.digest:
        raise ModelError(
            f"the weights of {model.name} on {platform.node()} differ ({found.digest[:12]}): pull them again"
        )
    return replace(model, path=found.path)
