from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import permutation_test

from duetbench.evaluation.statistics import Columns, difference_p, sign_flip_p, uncertainty, users_needed


def test_three_users_cannot_be_below_a_quarter() -> None:
    assert sign_flip_p(np.array([1.0, 1.1, 0.9])) == 0.25


@pytest.mark.parametrize("seed", range(4))
def test_p_is_that_of_scipy(seed: int) -> None:
    differences = np.random.default_rng(seed).normal(0.3, 1, 9)
    theirs = permutation_test((differences,), np.sum, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip_p(differences) == pytest.approx(theirs.pvalue)


def test_no_differences_are_no_evidence() -> None:
    assert sign_flip_p(np.zeros(5)) == 1.0
    assert sign_flip_p(np.array([1.0, -1.0])) == 1.0


def test_thirty_users_are_enumerated_and_more_refused() -> None:
    assert sign_flip_p(np.ones(30)) == 2.0**-29
    with pytest.raises(ValueError, match="at most 30 users"):
        sign_flip_p(np.ones(31))


def test_number_of_users_is_the_first_that_can_reject() -> None:
    for comparisons in (1, 2, 7, 13, 40):
        n = users_needed(comparisons, 0.05)
        assert 2.0 ** (1 - n) < 0.05 / comparisons <= 2.0 ** (2 - n)
    assert (users_needed(1, 0.05), users_needed(13, 0.05)) == (6, 10)


def test_a_difference_of_few_users_is_never_surer_than_the_exact_test() -> None:
    values = [np.array([[0.5, 0.51, 0.49]]), np.zeros((1, 3))]
    of = uncertainty(Columns(values, ["a", "b", "c"], ["x", "y", "z"]))
    assert difference_p(of, of.contrast(0, 1)) == 0.25


def test_many_users_use_the_t_statistic() -> None:
    users = [f"u{user}" for user in range(60)]
    values = np.random.default_rng(0).normal(1, 1, (1, 60))
    of = uncertainty(Columns([values, np.zeros((1, 60))], users, users))
    p = difference_p(of, of.contrast(0, 1))
    assert p is not None
    assert p < 1e-6
