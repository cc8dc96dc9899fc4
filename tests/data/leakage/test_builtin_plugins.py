"""Both probes on every built-in strategy and every built-in scorer."""

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
    HistoryOptions(source="train+test", average="window"),
]


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepare(Toy(Toy.Config(users=40, items=20, interactions=600)), cache=tmp_path_factory.mktemp("data"))


def make_plugin(kind: Any, name: str) -> Any:
    cls = PLUGINS.get(kind, name).cls
    return cls(cls.Config())


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: options.source)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_strategy_uses_no_held_out_and_no_later_text(toy: Prepared, strategy: str, options: HistoryOptions) -> None:
    collect = prompt_probe(make_plugin("strategy", strategy), make_plugin("scorer", "rating_text"))
    for split in ("valid", "test"):
        assert canary_probe(toy, options, split, collect, limit=10) == []  # type: ignore[arg-type]
        assert future_probe(toy, options, split, collect, limit=10) == []  # type: ignore[arg-type]


@pytest.mark.parametrize("scorer", SCORERS)
def test_a_scorer_uses_no_held_out_and_no_later_text(toy: Prepared, scorer: str) -> None:
    options = HistoryOptions(source="prequential", tie="stable")
    collect = prompt_probe(make_plugin("strategy", "10h"), make_plugin("scorer", scorer))
    assert canary_probe(toy, options, "test", collect, limit=10) == []
    assert future_probe(toy, options, "test", collect, limit=10) == []


def test_the_probes_observe_prompts_and_profiles(toy: Prepared) -> None:
    """The tests above do not pass for lack of texts: each strategy except 10h has prompts, which use histories."""
    from duetbench.data import build_examples

    requests = [example.request for example in build_examples(toy, "test", HistoryOptions(), limit=5)]
    words = requests[0].user_history[-1].review.split()[:3]
    for strategy in set(STRATEGIES) - {"10h"}:
        texts = prompt_probe(make_plugin("strategy", strategy))(requests)
        assert texts, strategy
        assert {position for text in texts for position in text.requests} == set(range(5)), strategy
    texts = prompt_probe(make_plugin("strategy", "duet"))(requests)
    assert any(" ".join(words) in observed.text for observed in texts)
