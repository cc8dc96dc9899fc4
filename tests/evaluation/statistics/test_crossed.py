from __future__ import annotations

import numpy as np
import pytest
from errorbars.compare import paired_compare

from duetbench.evaluation.statistics import Columns, Uncertainty, uncertainty
from duetbench.evaluation.statistics.crossed import Variance
from duetbench.evaluation.statistics.intervals import interval

RNG = np.random.default_rng(0)
USERS = [f"u{row // 5}" for row in range(500)]
APART = [f"i{row}" for row in range(500)]
SHARED = [f"i{row % 20}" for row in range(500)]


def _of(*columns: np.ndarray, users: list[str] = USERS, items: list[str] = APART) -> Uncertainty:
    return uncertainty(Columns([np.atleast_2d(values) for values in columns], users, items))


def _width(of: Uncertainty, column: int = 0, other: int | None = None) -> float:
    found = interval(of, of.contrast(column, other))
    assert found is not None
    return found.high - found.low


def test_variance_by_hand() -> None:
    # users with sums of residuals -1, -1 and 2 and one pair each: leaving one out moves the mean of 3 by half of it
    of = uncertainty(Columns([np.array([[1.0, 1.0, 4.0]])], ["a", "b", "c"], ["x", "y", "z"]))
    variance = of.variance(of.contrast(0))
    assert of.means.tolist() == [2.0]
    assert (variance.total, variance.df) == (pytest.approx(2 / 3 * (0.25 + 0.25 + 1)), 2)


def test_users_alone_agree_with_errorbars() -> None:
    effects = np.repeat(RNG.normal(0, 0.3, (2, 100)), 5, axis=1) + RNG.normal(0, 1, (2, 500))
    found, theirs = interval(_of(*effects), np.array([1.0, -1.0])), paired_compare(*effects, clusters=USERS)
    assert found is not None
    assert found.estimate == pytest.approx(theirs.mean_diff)
    assert (found.low, found.high) == pytest.approx((theirs.ci_low_clustered, theirs.ci_high_clustered), rel=0.02)


def test_users_of_unequal_sizes_agree_with_errorbars() -> None:
    sizes = RNG.integers(1, 12, 200)
    users = [f"u{user}" for user in np.repeat(np.arange(200), sizes)]
    values = RNG.normal(0, 1, (2, len(users))) + RNG.normal(0, 0.3, (2, 200))[:, np.repeat(np.arange(200), sizes)]
    items = [f"i{row}" for row in range(len(users))]
    theirs = paired_compare(*values, clusters=users)
    width = _width(_of(*values, users=users, items=items), 0, 1)
    assert width == pytest.approx(theirs.ci_high_clustered - theirs.ci_low_clustered, rel=0.02)


def test_effects_of_items_widen_the_interval() -> None:
    values = np.tile(RNG.normal(0, 1, 20), 25) + RNG.normal(0, 1, 500)
    assert _width(_of(values, items=SHARED)) > 1.5 * _width(_of(values))


def test_items_without_an_effect_hardly_change_the_interval() -> None:
    values = np.random.default_rng(3).normal(0, 1, 500)
    assert _width(_of(values, items=SHARED)) < 1.2 * _width(_of(values))


def test_one_item_for_all_pairs_is_not_resampled() -> None:
    values = RNG.normal(0, 1, 500)
    of = _of(values, items=["i"] * 500)
    assert of.variance(of.contrast(0)).total == pytest.approx(of.by_users[0, 0])
    assert of.df == 99


def test_seeds_that_differ_widen_the_interval() -> None:
    values = RNG.normal(0, 1, 500)
    same, varied = _of(np.stack([values] * 3)), _of(np.stack([values - 0.3, values, values + 0.3]))
    assert same.means == pytest.approx(varied.means)
    assert same.variance(np.ones(1)).total == pytest.approx(_of(values).variance(np.ones(1)).total)
    assert varied.seeds[0] == pytest.approx(0.3**2 / 3)
    assert _width(varied) > 2 * _width(same)


def test_few_seeds_that_dominate_leave_few_degrees_of_freedom() -> None:
    assert Variance(1e-9, 100, (1.0,), (2,)).df == pytest.approx(2)
    assert Variance(1.0, 100, (1e-9,), (2,)).df == pytest.approx(100)
    assert Variance(1.0, 10, (1.0,), (2,)).df == pytest.approx(4 / (1 / 10 + 1 / 2))


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_a_difference_that_does_not_vary_has_no_interval(shift: float) -> None:
    values = RNG.normal(0, 1, 500)
    of = _of(values, values + shift)
    assert interval(of, np.array([1.0, -1.0])) is None
    assert interval(of, np.array([1.0, 0.0])) is not None


def test_influence_of_few_users_costs_degrees_of_freedom() -> None:
    values = np.zeros((1, 100))
    values[0, :2] = 5.0, -5.0
    names = [f"u{row}" for row in range(100)]
    of = uncertainty(Columns([values], names, names, is_linearised=True))
    # squares are 25 twice and 0 otherwise: kurtosis 50, 200 / 49
    assert of.variance(of.contrast(0)).df == pytest.approx(200 / 49)


def test_one_user_has_no_interval() -> None:
    of = _of(np.array([1.0, 2.0]), users=["u", "u"], items=["i", "j"])
    assert interval(of, of.contrast(0)) is None


def test_no_pair_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one column and one pair"):
        uncertainty(Columns([np.zeros((1, 0))], [], []))


def test_unequal_users_leave_fewer_degrees_of_freedom_in_the_tails() -> None:
    sizes = [100] * 2 + [3] * 100
    users = np.repeat(np.arange(102), sizes)
    values = np.random.default_rng(0).normal(0, 1, 102)[users] + np.random.default_rng(1).normal(0, 0.1, len(users))
    of = uncertainty(Columns([values[None]], users, np.arange(len(users))))
    assert of.variance(of.contrast(0)).df == pytest.approx(101)
    assert 1 <= of.tail_variance(of.contrast(0)).df < 5


def test_equal_users_have_their_number_of_degrees_of_freedom_in_the_tails() -> None:
    of = _of(RNG.normal(0, 1, 500))
    assert of.tail_variance(of.contrast(0)).df == pytest.approx(99)


def test_pooled_seeds_use_the_degrees_of_freedom_of_all_columns() -> None:
    values = RNG.normal(0, 1, 500)
    columns = [values + spread * np.array([[-1.0], [0.0], [1.0]]) for spread in (0.1, 0.3)]
    of = _of(*columns).with_pooled_seeds()
    assert of.seed_df == 4
    assert of.seeds == pytest.approx(np.array([(0.01 + 0.09) / 2, 0.09]) / 3)  # the larger one stays
    assert of.tail_variance(of.contrast(0, 1)).seed_dfs == (4,)


def test_some_columns_are_the_same_numbers() -> None:
    of = _of(*RNG.normal(0, 1, (3, 500)), items=SHARED)
    part = of.only([2, 0])
    assert part.means.tolist() == of.means[[2, 0]].tolist()
    assert part.variance(part.contrast(0, 1)) == of.variance(of.contrast(2, 0))
