"""The values of the built-in rewards."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from request_making import request

from duetbench.evaluation.leakage import writes_rating
from duetbench.rewards.authored_profiles import authored_profiles
from duetbench.rewards.exact import Exact
from duetbench.rewards.format import Format
from duetbench.rewards.fractional import Fractional
from duetbench.rewards.length import Length
from duetbench.rewards.numeric_leak import NumericLeak
from duetbench.testing import RewardConformance
from duetbench.types import Domain, Example, Prediction, Profile, Profiles, Rollout


class TestFractional(RewardConformance):
    plugin = Fractional


class TestExact(RewardConformance):
    plugin = Exact


class TestFormat(RewardConformance):
    plugin = Format


class TestLength(RewardConformance):
    plugin = Length


class TestNumericLeak(RewardConformance):
    plugin = NumericLeak


def rollout(value: float | None = 4.0, truth: float = 5.0, *texts: str, **changes: Any) -> Rollout:
    sides = [Profile(side, text) for side, text in zip(("user", "item"), texts or ("Likes jazz.",), strict=False)]
    prediction = Prediction(value) if value is not None else Prediction(None, "unreadable", "rating")
    sampled = Rollout(Example(request(), truth), " ".join(texts or ("Likes jazz.",)), Profiles(*sides), prediction)
    return replace(sampled, **changes)


@pytest.mark.parametrize(("value", "reward"), [(4.8, 0.95), (3.0, 0.5), (5.0, 1.0), (1.0, 0.0)])
def test_fractional_matches_the_papers_examples(value: float, reward: float) -> None:
    assert Fractional()([rollout(value)]) == [pytest.approx(reward)]


def test_fractional_follows_the_scale() -> None:
    ten = replace(request(), domain=Domain("film", "films", tuple(range(1, 11))))
    assert Fractional()([rollout(1.0, example=Example(ten, 10.0))]) == [pytest.approx(0.0)]


@pytest.mark.parametrize("reward", [Fractional(), Exact()])
def test_reward_is_none_without_a_prediction(reward: Any) -> None:
    assert reward([rollout(None)]) == [None]


@pytest.mark.parametrize(("value", "reward"), [(4.5, 1.0), (4.49, 0.0), (5.4, 1.0), (2.0, 0.0)])
def test_exact_rounds_half_up(value: float, reward: float) -> None:
    assert Exact()([rollout(value)]) == [reward]


@pytest.mark.parametrize(("value", "reward"), [(3.3, 1.0), (3.25, 1.0), (3.24, 0.0), (3.75, 0.0), (4.0, 0.0)])
def test_exact_rounds_to_the_labels_of_the_scale(value: float, reward: float) -> None:
    whole = rollout(value)
    halves = replace(whole.example.request, domain=Domain("film", "films", (0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5)))
    assert Exact()([replace(whole, example=Example(halves, 3.5))]) == [reward]


def test_format_penalizes_only_unreadable_completions() -> None:
    assert Format()([rollout(), rollout(None), rollout(readable=False)]) == [0.0, 0.0, -1.0]


def test_higher_reward_for_unreadable_completions_is_an_error() -> None:
    with pytest.raises(ValueError, match="unreadable"):
        Format.Config(readable=-2.0)


@pytest.mark.parametrize(("n_words", "reward"), [(1, 0.0), (10, 0.0), (15, -0.5), (20, -1.0), (500, -1.0)])
def test_length_falls_beyond_the_free_words(n_words: int, reward: float) -> None:
    scored = Length(Length.Config(free_words=10))([rollout(4.0, 5.0, "word " * n_words)])
    assert scored == [pytest.approx(reward)]
    assert math.copysign(1, scored[0] or 0.0) == (1 if reward == 0 else -1)


def test_length_is_the_mean_over_both_sides() -> None:
    assert Length(Length.Config(free_words=1))([rollout(4.0, 5.0, "one", "one two")]) == [pytest.approx(-0.5)]


@pytest.mark.parametrize("reward", [Length(), NumericLeak()])
def test_reward_is_none_without_a_profile(reward: Any) -> None:
    assert reward([rollout(readable=False), rollout(profiles=Profiles())]) == [None, None]


def test_authored_profiles_leave_out_the_other_sides_profile() -> None:
    sampled = rollout(
        completion="<profile>Likes jazz.</profile>",
        profiles=Profiles(Profile("user", "Likes jazz."), Profile("item", "Worth 5 stars.")),
    )
    assert [profile.side for profile in authored_profiles(sampled)] == ["user"]
    assert NumericLeak()([sampled]) == [0.0]


def test_authored_profiles_include_decoded_texts() -> None:
    sampled = rollout(
        completion='{"summarization": "Likes \\u00e9tudes."}', profiles=Profiles(Profile("user", "Likes études."))
    )
    assert [profile.side for profile in authored_profiles(sampled)] == ["user"]


def test_numeric_leak_is_the_share_of_leaking_profiles() -> None:
    assert NumericLeak()([rollout(4.0, 5.0, "Would rate it 4.5.", "A jazz record.")]) == [pytest.approx(-0.5)]


@pytest.mark.parametrize(
    "text",
    [
        "would rate it 4.5",
        "Predicted rating: 4",
        "gives five stars to jazz",
        "a 4-star listener",
        "4/5 for most albums",
        "four out of five at best",
        "rates folk around 3",
        "★★★★",
        "an average of 4.25 across records",
        "scores this a 2",
        "4 and a half? no: four and a half stars",
    ],
)
def test_written_rating_is_detected(text: str) -> None:
    assert writes_rating(text)


@pytest.mark.parametrize(
    "text",
    [
        "Likes jazz from the 1990s.",
        "Rates strictly and writes long reviews.",
        "A highly rated record by one of the great bands.",
        "Owns 12 records by U2 and Blink-182.",
        "Praised by three reviewers; the 2nd side drags.",
        "A star of the scene.",
        "Rated highly in 1975 by fans.",
    ],
)
def test_other_numbers_are_not_detected(text: str) -> None:
    assert not writes_rating(text)
