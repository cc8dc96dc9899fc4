"""Scorers without a model."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from fitting_making import fitting
from request_making import request

from duetbench.errors import ConfigError, DataError
from duetbench.scorers.baselines import Bias, GlobalMean, ItemMean, Majority, UserMean
from duetbench.scorers.predictors.base import Predictor
from duetbench.testing import ScorerConformance
from duetbench.types import Item, Profiles

ROWS = [("anna", "x", 5.0), ("anna", "y", 3.0), ("bert", "x", 4.0), ("bert", "z", 4.0)]


class TestGlobalMean(ScorerConformance):
    plugin = GlobalMean


class TestUserMean(ScorerConformance):
    plugin = UserMean


class TestItemMean(ScorerConformance):
    plugin = ItemMean


class TestBias(ScorerConformance):
    plugin = Bias


class TestMajority(ScorerConformance):
    plugin = Majority


def rating(scorer: Predictor, user: str, item: str, rows: Sequence[tuple[str, str, float]] = ROWS) -> float | None:
    scorer.fit(fitting(rows))
    return scorer.score([request(user=user, item=Item(item, item))], [Profiles()], None)[0].value


@pytest.mark.parametrize(
    ("scorer", "user", "item", "expected"),
    [
        (GlobalMean(), "anna", "x", 4.0),
        (GlobalMean(), "unknown", "unseen", 4.0),
        (UserMean(), "anna", "z", 4.0),
        (UserMean(), "bert", "x", 4.0),
        (UserMean(), "unknown", "x", 4.0),
        (ItemMean(), "unknown", "x", 4.5),
        (ItemMean(), "anna", "y", 3.0),
        (ItemMean(), "anna", "unseen", 4.0),
        (Majority(), "anna", "x", 4.0),
    ],
)
def test_rating_by_hand(scorer: Predictor, user: str, item: str, expected: float) -> None:
    assert rating(scorer, user, item) == expected


def test_bias_by_hand() -> None:
    # mu = 4; b_x = (1 + 0) / (1 + 2) = 1/3, b_y = -1 / 2, b_z = 0
    # b_anna = ((5 - 4 - 1/3) + (3 - 4 + 1/2)) / (1 + 2) = (2/3 - 1/2) / 3 = 1/18
    assert rating(Bias(Bias.Config(damping=1.0)), "anna", "x") == pytest.approx(4 + 1 / 3 + 1 / 18)


def test_bias_of_unknown_users_and_items_is_zero() -> None:
    assert rating(Bias(), "unknown", "unseen") == 4.0


def test_bias_without_damping_is_the_item_mean() -> None:
    assert rating(Bias(Bias.Config(damping=0.0)), "unknown", "x") == pytest.approx(4.5)


def test_bias_is_clipped_to_the_scale_unless_clip_is_off() -> None:
    # mu = 3.4, b_x = 1.6, b_w = -16/15, b_anna = 5 - 3.4 + 16/15: their sum for (anna, x) is 5 + 8/3
    rows = [("anna", "w", 5.0), ("bert", "w", 1.0), ("carl", "w", 1.0), ("bert", "x", 5.0), ("carl", "x", 5.0)]
    assert rating(Bias(Bias.Config(damping=0.0)), "anna", "x", rows) == 5.0
    assert rating(Bias(Bias.Config(damping=0.0, clip=False)), "anna", "x", rows) == pytest.approx(5 + 8 / 3)


def test_bias_beats_the_mean_on_its_training_rows() -> None:
    rows = [(f"u{n % 5}", f"i{n % 7}", float(1 + (n % 5 + n % 7) % 5)) for n in range(35)]
    errors = {
        type(scorer): sum(abs((rating(scorer, user, item, rows) or 0) - truth) for user, item, truth in rows)
        for scorer in (GlobalMean(), Bias(Bias.Config(damping=5.0)))
    }
    assert errors[Bias] <= errors[GlobalMean]


def test_majority_takes_the_highest_on_a_tie() -> None:
    assert rating(Majority(), "anna", "x", [("a", "x", 2.0), ("b", "x", 5.0)]) == 5.0


def test_fit_without_rows_is_an_error() -> None:
    with pytest.raises(DataError, match="no training rows"):
        GlobalMean().fit(fitting([]))


def test_predicting_before_fitting_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="must be fitted before it predicts"):
        GlobalMean().score([request()], [Profiles()], None)


def test_negative_damping_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"bias\.damping must be >= 0, got -1"):
        Bias(Bias.Config(damping=-1.0))


VALID = [("anna", "z", 5.0), ("bert", "y", 4.0)]


@pytest.mark.parametrize(
    ("scorer", "user", "item", "expected"),
    [
        (GlobalMean(GlobalMean.Config(form="median")), "anna", "x", 4.0),
        (UserMean(UserMean.Config(form="median", damping=0.0)), "bert", "x", 4.0),
        (UserMean(UserMean.Config(form="median", damping=0.0)), "anna", "x", 3.0),  # 3 and 5: the lower median
        (UserMean(UserMean.Config(damping=2.0)), "anna", "x", 4.0),
        (ItemMean(ItemMean.Config(damping=2.0)), "unknown", "x", 4.25),  # (5 + 4 + 2 * 4) / 4
        (ItemMean(ItemMean.Config(form="median", damping=4.0)), "unknown", "y", 4.0),
    ],
)
def test_median_and_damping_by_hand(scorer: Predictor, user: str, item: str, expected: float) -> None:
    assert rating(scorer, user, item) == expected


def test_median_of_biases_by_hand() -> None:
    # median 4; residuals of x: 1, 0 -> 0 (the median next to 0), of y: -1; what is left of anna: 1, 0 -> 0
    scorer = Bias(Bias.Config(form="median", damping=0.0))
    assert [rating(scorer, "anna", item) for item in ("x", "y", "z")] == [4.0, 3.0, 4.0]


def test_damping_is_chosen_on_validation_rows() -> None:
    # bert's ratings of x are far from the truth in validation: the strongest damping is best
    train = [("anna", "x", 1.0), ("bert", "y", 5.0), ("carl", "z", 3.0)]
    requests = [request(user="anna", item=Item("new", "new"))]
    values = []
    for truth in (3.0, 1.0):
        scorer = UserMean()
        scorer.fit(fitting(train, [("anna", "y", truth)]))
        values.append(scorer.score(requests, [Profiles()], None)[0].value)
    assert values == [pytest.approx((1 + 50 * 3) / 51), 1.0]


@pytest.mark.parametrize("scorer", [GlobalMean, UserMean, ItemMean, Bias])
def test_the_form_is_declared_as_decision(scorer: type[Predictor]) -> None:
    assert scorer().decision() == "mean"
    assert scorer(scorer.Config(form="median")).decision() == "median"


def test_the_most_frequent_rating_is_a_mode() -> None:
    assert Majority().decision() == "mode"
