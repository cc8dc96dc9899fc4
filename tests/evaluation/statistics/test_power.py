from __future__ import annotations

import pytest
from statsmodels.stats.power import NormalIndPower, TTestPower

from duetbench.evaluation.statistics import minimum_detectable_effect, needed_sample
from duetbench.evaluation.statistics.crossed import Variance


def test_minimum_detectable_effect_is_that_of_statsmodels() -> None:
    sd, n = 0.5, 1296
    theirs = NormalIndPower(ddof=0).solve_power(nobs1=n, alpha=0.05, power=0.8, ratio=0)
    assert minimum_detectable_effect(Variance(sd**2 / n, 1e6)) == pytest.approx(theirs * sd, rel=1e-3)


def test_paired_deviations_of_music_give_its_detectable_effects() -> None:
    low, high = (minimum_detectable_effect(Variance(sd**2 / 1296, 1e6)) for sd in (0.29, 0.59))
    assert (low, high) == (pytest.approx(0.0226, abs=5e-5), pytest.approx(0.0459, abs=5e-5))


def test_adjustment_and_few_users_raise_it() -> None:
    plain = minimum_detectable_effect(Variance(0.01, 1000))
    adjusted, few = (
        minimum_detectable_effect(Variance(0.01, 1000), alpha=0.05 / 28),
        minimum_detectable_effect(Variance(0.01, 5)),
    )
    assert plain is not None
    assert adjusted is not None
    assert few is not None
    assert min(adjusted, few) > plain


def test_needed_users_make_the_difference_detectable() -> None:
    needed = needed_sample(0.02, Variance(0.0001, 99), n_users=100, n_seeds=1)
    assert needed is not None
    theirs = TTestPower().solve_power(0.2, alpha=0.05, power=0.8)  # 0.02 / sqrt(100 * 0.0001)
    assert needed.users == pytest.approx(theirs - 100, abs=1.5)
    assert (needed.seeds, needed.together) == (None, False)


def test_needed_users_have_two_digits() -> None:
    needed = needed_sample(0.002, Variance(0.0001, 99), n_users=100, n_seeds=1)
    assert needed == (20_000, None, False)  # 100 * 0.0001 * (2.8016 / 0.002)^2 = 19622


def test_unrealistic_numbers_are_none() -> None:
    assert needed_sample(0.0005, Variance(0.0001, 99), n_users=100, n_seeds=1) == (None, None, False)


def test_no_effect_above_the_scale_is_detectable() -> None:
    assert minimum_detectable_effect(Variance(1.0, 10), largest=2.0) is None
    assert minimum_detectable_effect(Variance(0.0, 10)) is None


@pytest.mark.parametrize("df", [4, 19, 300])
def test_few_degrees_of_freedom_are_those_of_noncentral_t(df: int) -> None:
    theirs = TTestPower().solve_power(nobs=df + 1, alpha=0.05, power=0.8) * (df + 1) ** 0.5
    assert minimum_detectable_effect(Variance(1.0, df)) == pytest.approx(theirs, rel=1e-4)


def test_users_are_not_enough_where_seeds_vary_too_much() -> None:
    needed = needed_sample(0.02, Variance(1e-6, 99, (0.01,), (2,)), n_users=100, n_seeds=3)
    assert needed is not None
    assert needed.users is None
    assert needed.seeds is not None
    assert needed.seeds > 100


def test_both_may_be_needed() -> None:
    needed = needed_sample(0.02, Variance(0.01, 99, (0.01,), (2,)), n_users=100, n_seeds=3)
    assert needed is not None
    assert needed.together
    assert (needed.users or 0) / 100 == pytest.approx((needed.seeds or 0) / 3, rel=0.01)


def test_equal_rows_need_no_number() -> None:
    assert needed_sample(0.0, Variance(0.01, 99), n_users=100, n_seeds=1) is None
