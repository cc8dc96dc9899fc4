"""The view of a request that a strategy's writer reads is what its prompts contain."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from request_making import request

from duetbench.interfaces import Strategy
from duetbench.strategies.duet import Duet
from duetbench.strategies.kar import Kar
from duetbench.strategies.lg import LettinGo
from duetbench.strategies.palr import Palr
from duetbench.strategies.r4rec import Reason4Rec
from duetbench.strategies.rlmrec import RlmRec
from duetbench.strategies.ten_h import TenHistory
from duetbench.types import Profile, Prompt, Request

REQUESTS = [request(n, n_user=n_user, n_item=n_item) for n, (n_user, n_item) in enumerate([(0, 0), (3, 1), (9, 7)])]
CASES: list[tuple[type[Strategy], dict[str, Any]]] = [
    *((Duet, {"joint": joint}) for joint in ("paired", "cross")),
    (Duet, {"side": "user", "show_averages": False}),
    (Duet, {"side": "item", "recent_k": 0, "short_history": "overlap"}),
    (Duet, {"review_chars": 9, "average_decimals": 0}),
    (Kar, {"item_knowledge": True}),
    (Kar, {"review_chars": 9}),
    (LettinGo, {}),
    (Palr, {"keywords": "ask"}),
    *((RlmRec, {"side": side, "item_profile": True}) for side in ("user", "both")),
    (Reason4Rec, {}),
    (Reason4Rec, {"review_chars": 9}),
]


def rendered(strategy: Strategy, requests: list[Request]) -> list[Prompt]:
    """The prompts of all stages; each earlier completion is its own key."""
    prompts: list[Prompt] = []
    for stage in strategy.stages():
        earlier = {prompt.key: [Profile(prompt.side, prompt.key)] for prompt in prompts}
        prompts += stage.prompts(requests, earlier)
    return prompts


@pytest.mark.parametrize(("strategy", "options"), CASES)
@pytest.mark.parametrize("short_history", ["overlap", "skip_profile"])
def test_prompts_contain_what_the_view_contains(
    strategy: type[Strategy], options: dict[str, Any], short_history: str
) -> None:
    config = strategy.Config(**{"history_k": 4, "recent_k": 3, "short_history": short_history, **options})
    shown = config.review_chars if config.review_chars is None else 0
    whole = strategy(replace(config, recent_k=0, review_chars=shown))  # the views are windows and cut already
    views = [strategy(config).writer_view(each) for each in REQUESTS]
    assert rendered(strategy(config), REQUESTS) == rendered(whole, views)


@pytest.mark.parametrize(("strategy", "options"), CASES)
def test_view_holds_no_interaction_that_the_prompts_lack(strategy: type[Strategy], options: dict[str, Any]) -> None:
    config = strategy.Config(**{"history_k": 4, "recent_k": 3, "review_chars": 0, **options})
    (view,) = [strategy(config).writer_view(REQUESTS[-1])]
    text = "\n".join(m.content for prompt in rendered(strategy(config), [REQUESTS[-1]]) for m in prompt.messages)
    assert all(line.review in text for line in (*view.user_history, *view.item_history))


def test_first_half_is_the_view_of_kar() -> None:
    kar = Kar(Kar.Config(history_slice="first", review_chars=0))
    assert kar.writer_view(REQUESTS[2]).user_history == REQUESTS[2].user_history[:5]


@pytest.mark.parametrize(("show", "averages"), [(True, (3.5, 4.0)), (False, (None, None))])
def test_view_holds_the_averages_that_are_shown(show: bool, averages: tuple[float | None, float | None]) -> None:
    view = Duet(Duet.Config(show_averages=show)).writer_view(REQUESTS[2])
    assert (view.user_average, view.item_average) == averages


def test_reviews_are_as_long_as_the_prompts_show_them() -> None:
    (line,) = Duet(Duet.Config(history_k=1, review_chars=3, recent_k=2)).writer_view(REQUESTS[1]).user_history
    assert line == replace(REQUESTS[1].user_history[0], review="rev...")
    assert {line.review for line in LettinGo().writer_view(REQUESTS[2]).user_history} == {""}


def test_averages_have_the_decimals_of_the_prompts() -> None:
    each = replace(REQUESTS[2], user_average=3.4567)
    averages = [Duet(Duet.Config(average_decimals=n)).writer_view(each).user_average for n in (0, 1, None)]
    assert averages == [3, 3.5, 3.46]


def test_compact_prompts_show_at_most_400_characters_to_the_summarizer() -> None:
    config = Reason4Rec.Config(prompt_set="compact")
    each = replace(REQUESTS[1], user_history=(replace(REQUESTS[1].user_history[0], review="x" * 500),))
    assert Reason4Rec(config).writer_view(each).user_history[0].review == "x" * 400 + "..."


def test_view_of_one_side_holds_nothing_of_the_other() -> None:
    view = Duet(Duet.Config(side="user")).writer_view(REQUESTS[2])
    assert (view.item_history, view.item_average) == ((), None)


def test_without_recent_ones_only_users_without_history_are_skipped() -> None:
    strategies = [LettinGo(LettinGo.Config(recent_k=0, short_history=short)) for short in ("overlap", "skip_profile")]
    prompts = [rendered(strategy, REQUESTS) for strategy in strategies]
    assert [sorted(n for each in made for n in each.for_requests) for made in prompts] == [[0, 1, 2], [1, 2]]


def test_skipped_pair_reads_nothing() -> None:
    view = Reason4Rec(Reason4Rec.Config(recent_k=10, short_history="skip_profile")).writer_view(REQUESTS[2])
    assert (view.user_history, view.item_history) == ((), ())


def test_without_a_writer_nothing_is_read() -> None:
    view = TenHistory().writer_view(REQUESTS[2])
    assert (view.user_history, view.item_history, view.user_average) == ((), (), None)


def test_default_view_is_the_window_that_the_strategy_needs() -> None:
    class Minimal(TenHistory):
        writer_view = Strategy.writer_view

        def history_needed(self) -> int:
            return 2

    view = Minimal().writer_view(REQUESTS[2])
    assert (view.user_history, view.item_history) == (REQUESTS[2].user_history[-2:], REQUESTS[2].item_history[-2:])
