"""Both probes on every built-in strategy, before every built-in scorer."""

from __future__ import annotations

from typing import Any

import pytest

from duetbench.data import HistoryOptions, Prepared, prepare
from duetbench.data.leakage import canary_probe, future_probe
from duetbench.datasets.toy import Toy
from duetbench.plugins import Plugins
from duetbench.testing.probes import prompt_probe

PLUGINS = Plugins(environ={})
STRATEGIES, SCORERS = sorted(PLUGINS.of_kind("strategy")), sorted(PLUGINS.of_kind("scorer"))
OPTIONS = [
    HistoryOptions(),
    HistoryOptions(source="train+valid", average="window"),
    HistoryOptions(source="prequential", tie="stable"),
]


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepare(Toy(Toy.Config(users=40, items=20, interactions=600)), cache=tmp_path_factory.mktemp("data"))


def made(kind: Any, name: str) -> Any:
    cls = PLUGINS.get(kind, name).cls
    return cls(cls.Config())


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: options.source)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_strategy_shows_nothing_held_out_and_nothing_later(
    toy: Prepared, strategy: str, options: HistoryOptions
) -> None:
    ask = prompt_probe(made("strategy", strategy), made("scorer", "rating_text"))
    for split in ("valid", "test"):
        assert canary_probe(toy, options, split, ask, limit=10) == []  # type: ignore[arg-type]
        assert future_probe(toy, options, split, ask, limit=10) == []  # type: ignore[arg-type]


@pytest.mark.parametrize("scorer", SCORERS)
def test_a_scorer_shows_nothing_held_out_and_nothing_later(toy: Prepared, scorer: str) -> None:
    options = HistoryOptions(source="prequential", tie="stable")
    ask = prompt_probe(made("strategy", "10h"), made("scorer", scorer))
    assert canary_probe(toy, options, "test", ask, limit=10) == []
    assert future_probe(toy, options, "test", ask, limit=10) == []


def test_the_probes_see_through_to_the_profiles(toy: Prepared) -> None:
    """Nothing above passes because nothing was shown: each strategy but 10h asks, and its histories are read."""
    from duetbench.data import build_examples

    requests = [example.request for example in build_examples(toy, "test", HistoryOptions(), limit=5)]
    words = requests[0].user_history[-1].review.split()[:3]
    for strategy in set(STRATEGIES) - {"10h"}:
        seen = prompt_probe(made("strategy", strategy))(requests)
        assert seen, strategy
        assert {position for one in seen for position in one.requests} == set(range(5)), strategy
    assert any(" ".join(words) in one.text for one in prompt_probe(made("strategy", "duet"))(requests))
