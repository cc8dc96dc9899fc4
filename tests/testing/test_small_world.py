"""The small world: histories end before requests, canaries are in targets only, requests hold no label."""

from __future__ import annotations

import gc
from dataclasses import replace
from types import FunctionType, ModuleType

from duetbench.testing import small_world
from duetbench.testing.conformance.dataset import check_example
from duetbench.types import Example


def _reachable(start: object) -> list[object]:
    """All objects reachable from `start`, except classes and code."""
    reached: dict[int, object] = {}
    pending = [start]
    while pending:
        value = pending.pop()
        if id(value) not in reached and not isinstance(value, type | ModuleType | FunctionType):
            reached[id(value)] = value
            pending += gc.get_referents(value)
    return list(reached.values())


def test_histories_end_before_requests() -> None:
    for example in small_world().examples:
        check_example(example)


def test_canaries_are_in_targets_only() -> None:
    world = small_world()
    known = "".join(line.review + line.summary for line in world.interactions[: world.n_train])
    hidden = "".join(line.review for line in world.interactions[world.n_train :])
    assert all(word in hidden and word not in known for word in world.canaries)


def test_no_label_is_reachable_from_a_request() -> None:
    for example in small_world().examples:
        secret = Example(replace(example.request), 987.125)
        assert not any(value == 987.125 for value in _reachable(secret.request) if isinstance(value, float))
        assert not any(isinstance(value, Example) for value in _reachable(secret.request))


def test_reachable_finds_a_label_if_there_is_one() -> None:
    assert any(value == 987.125 for value in _reachable([Example(small_world().requests[0], 987.125)]))


def test_some_requests_have_no_history() -> None:
    assert any(not request.user_history and not request.item_history for request in small_world().requests)


def test_training_rows_are_canonical() -> None:
    train = small_world().fitting_data().interactions
    assert train.height == 24
    assert train["timestamp"].is_sorted()
