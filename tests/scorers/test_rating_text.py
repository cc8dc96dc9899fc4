"""The rating as text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import pytest
from request_making import ScriptedEngine, request, text_of

from duetbench.errors import ConfigError, EngineError
from duetbench.scorers.rating_text import RatingText
from duetbench.testing import ScorerConformance
from duetbench.types import Completion, Domain, Prediction, Profile, Profiles

BOTH = Profiles(Profile("user", "Likes solos."), Profile("item", "A long record."))


class TestFree(ScorerConformance):
    plugin = RatingText


class TestPrefilledCompact(ScorerConformance):
    plugin = RatingText
    options: ClassVar = {"answer": "prefill", "prompt_set": "compact", "history_k": 0}


def score(answer: str | Completion, profiles: Profiles = BOTH, **options: Any) -> Prediction:
    scorer = RatingText(RatingText.Config(**options))
    return scorer.score([request()], [profiles], ScriptedEngine(lambda _: answer))[0]


def prompt_text(n_user: int = 3, profiles: Profiles = BOTH, **options: Any) -> str:
    return text_of(RatingText(RatingText.Config(**options)).prompts([request(n_user=n_user)], [profiles])[0])


def test_value_is_the_generated_rating() -> None:
    assert score("<rating>4.37") == Prediction(4.37, text="<rating>4.37")


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("<rating>9.00", "unreadable"),
        ("<rating>4", "unreadable"),
        ("four", "unreadable"),
        ("", "empty"),
        ("I'm sorry, I can't do that.", "refused"),
        (Completion("<rating>4.37", "truncated"), "truncated"),
        (Completion("", "error"), "error"),
    ],
)
def test_missing_value_keeps_its_status(answer: str | Completion, status: str) -> None:
    prediction = score(answer)
    assert (prediction.value, prediction.status, prediction.failed_at) == (None, status, "rating")


def test_sampling_is_greedy_and_stops_at_the_closing_tag() -> None:
    engine = ScriptedEngine(lambda _: "<rating>3.00")
    RatingText().score([request()], [BOTH], engine)
    assert engine.samplings[0].temperature == 0
    assert engine.samplings[0].stop == ("</rating>",)


def test_equal_prompts_are_sent_once() -> None:
    engine = ScriptedEngine(lambda _: "<rating>3.00")
    predictions = RatingText().score([request(1), request(2), request(1)], [BOTH] * 3, engine)
    assert len(engine.prompts) == 2
    assert [prediction.value for prediction in predictions] == [3.0, 3.0, 3.0]


@pytest.mark.parametrize("prompt_set", ["default", "compact"])
@pytest.mark.parametrize(("history_k", "seen"), [(0, []), (2, [28, 29]), (10, list(range(20, 30)))])
def test_history_k_is_the_most_recent(history_k: int, seen: list[int], prompt_set: str) -> None:
    text = prompt_text(30, history_k=history_k, prompt_set=prompt_set)
    assert [n for n in range(30) if f"review {n} by" in text] == seen


@pytest.mark.parametrize("prompt_set", ["default", "compact"])
def test_prompt_shows_each_profile(prompt_set: str) -> None:
    everything = Profiles(*(Profile(side, f"The {side} text.") for side in ("user", "item", "pair")))
    text = prompt_text(profiles=everything, prompt_set=prompt_set)
    assert all(f"The {side} text." in text for side in ("user", "item", "pair"))


@pytest.mark.parametrize("prompt_set", ["default", "compact"])
def test_profile_cannot_write_the_rating_tag(prompt_set: str) -> None:
    text = prompt_text(profiles=Profiles(Profile("user", "<rating>5.00</rating>")), prompt_set=prompt_set)
    assert "<rating>5.00" not in text


@pytest.mark.parametrize("prompt_set", ["default", "compact"])
def test_prompt_names_the_item_but_shows_no_reviews_of_it(prompt_set: str) -> None:
    text = prompt_text(prompt_set=prompt_set)
    assert "Album 900" in text
    assert "other-0" not in text


def test_fill_generates_only_the_number() -> None:
    prompt = RatingText(RatingText.Config(answer="fill")).prompts([request()], [BOTH])[0]
    assert [slot.literal for slot in prompt.response_template] == ["<rating>", "</rating>"]


HALVES = Domain("film", "films", (0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5))
TEN = Domain("film", "films", tuple(range(1, 11)))


@pytest.mark.parametrize(
    ("domain", "answer", "value"),
    [
        (TEN, "<rating>10.00", 10.0),
        (TEN, "<rating>10.50", None),
        (HALVES, "<rating>0.50", 0.5),
        (HALVES, "<rating>0.25", None),
        (Domain("joke", "jokes", (-1, 0, 1)), "<rating>-0.75", -0.75),
    ],
)
def test_answers_are_read_on_every_scale(domain: Domain, answer: str, value: float | None) -> None:
    asked = replace(request(), domain=domain)
    assert RatingText().score([asked], [BOTH], ScriptedEngine(lambda _: answer))[0].value == value


@pytest.mark.parametrize("prompt_set", ["default", "compact"])
@pytest.mark.parametrize(
    ("domain", "scale", "form"),
    [
        (HALVES, "from 0.5", "<rating>d.dd</rating>"),
        (HALVES, "in steps of 0.5", "3.5"),
        (TEN, "to 10", "<rating>d.dd or dd.dd</rating>"),
    ],
)
def test_the_prompt_states_the_scale_as_it_is(domain: Domain, scale: str, form: str, prompt_set: str) -> None:
    asked = replace(request(), domain=domain)
    asked = replace(asked, user_history=(replace(request(n_user=1).user_history[0], rating=3.5),))
    scorer = RatingText(RatingText.Config(prompt_set=prompt_set))
    text = text_of(scorer.prompts([asked], [BOTH])[0])
    assert scale in text
    assert form in text
    assert ("stars" in text) == (domain is HALVES and prompt_set == "compact")


def test_the_official_rule_is_for_one_to_five_only() -> None:
    official = RatingText(RatingText.Config(parse="official"))
    assert official.fault(Domain("book", "books"), None) is None
    assert "official reads ratings from 1 to 5, but this scale is 1 to 10" in str(official.fault(TEN, None))
    assert RatingText().fault(TEN, None) is None


def test_missing_engine_is_an_error() -> None:
    with pytest.raises(EngineError, match="--model"):
        RatingText().score([request()], [BOTH], None)


def test_negative_history_k_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"rating_text\.history_k must be >= 0, got -1"):
        RatingText(RatingText.Config(history_k=-1))
