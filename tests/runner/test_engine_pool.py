"""Which engines stay open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from grid_making import logged

from duetbench.plugins import Plugins
from duetbench.runner.engine_pool import MAX_ADAPTERS, EnginePool
from duetbench.runner.planning.cells import PluginChoice
from duetbench.testing.dummy import dummy_model
from duetbench.types import ModelRef

BASE = dummy_model()

Opened = Callable[[ModelRef], object]


@pytest.fixture
def opened(plugins: Plugins, tmp_path: Path) -> Iterator[Opened]:
    """Opens an engine that logs its creation."""
    pool = EnginePool(tmp_path / "store.sqlite", on_done=lambda _n: None, on_progress=lambda _line: None)
    registered = plugins.get("engine", "logging")
    choice = PluginChoice(registered, registered.cls.Config(log=str(tmp_path / "log")))  # type: ignore[call-arg]
    yield lambda model: pool.engine(choice, model)
    pool.close()


def adapted(name: str, base: ModelRef = BASE) -> ModelRef:
    return replace(base, adapter=name, adapter_digest=name)


def test_a_base_model_is_opened_once_for_all_its_adapters(opened: Opened, tmp_path: Path) -> None:
    for name in "abcdef":
        opened(BASE)
        opened(adapted(name))
    assert len(logged(tmp_path / "log", "loaded")) == 1 + 6


def test_adapters_that_were_not_used_for_long_are_closed(opened: Opened, tmp_path: Path) -> None:
    names = "abcd"[: MAX_ADAPTERS + 1]
    for name in (*names, names[-1], names[0]):
        opened(adapted(name))
    assert len(logged(tmp_path / "log", "loaded")) == len(names) + 1


def test_the_model_that_was_not_used_for_long_is_closed_with_its_adapters(opened: Opened, tmp_path: Path) -> None:
    first, second, third = (replace(BASE, path=name) for name in ("a", "b", "c"))
    for model in (first, adapted("x", first), second, first, third):  # closes the second
        opened(model)
    n_opened = len(logged(tmp_path / "log", "loaded"))
    opened(first), opened(adapted("x", first)), opened(third)
    assert len(logged(tmp_path / "log", "loaded")) == n_opened == 4
