"""The small world keeps its promises: histories before requests, canaries only behind them, no way to a label."""

from __future__ import annotations

import gc
from dataclasses import replace
from types import FunctionType, ModuleType

from duetbench.testing import small_world
from duetbench.testing.dataset import check_example
from duetbench.types import Example


def _reachable(start: object) -> list[object]:
    """Everything that attributes lead to, classes and code left out."""
    seen: dict[int, object] = {}
    waiting = [start]
    while waiting:
        thing = waiting.pop()
        if id(thing) not in seen and not isinstance(thing, type | ModuleType | FunctionType):
            seen[id(thing)] = thing
            waiting += gc.get_referents(thing)
    return list(seen.values())


def test_histories_lie_before_requests() -> None:
    for example in small_world().examples:
        check_example(example)


def test_canaries_stand_in_targets_only() -> None:
    world = small_world()
    known = "".join(line.review + line.summary for line in world.interactions[: world.n_train])
    hidden = "".join(line.review for line in world.interactions[world.n_train :])
    assert all(word in hidden and word not in known for word in world.canaries)


def test_no_attribute_leads_from_a_request_to_a_label() -> None:
    for example in small_world().examples:
        secret = Example(replace(example.request), 987.125)
        assert not any(thing == 987.125 for thing in _reachable(secret.request) if isinstance(thing, float))
        assert not any(isinstance(thing, Example) for thing in _reachable(secret.request))


def test_walk_would_find_a_label() -> None:
    """The walk above is not blind."""
    assert any(thing == 987.125 for thing in _reachable([Example(small_world().requests[0], 987.125)]))


def test_some_requests_know_nothing() -> None:
    assert any(not request.user_history and not request.item_history for request in small_world().requests)


def test_training_rows_are_canonical() -> None:
    train = small_world().train()
    assert train.height == small_world().n_train
    assert train["timestamp"].is_sorted()
