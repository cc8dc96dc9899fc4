from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from statsmodels.stats.multitest import multipletests

from duetbench.evaluation.statistics import holm
from duetbench.evaluation.statistics.adjustment import simultaneous_level, standardized_draws


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize("seed", range(5))
def test_holm_is_that_of_statsmodels(seed: int) -> None:
    p_values = np.random.default_rng(seed).uniform(size=12) ** 3
    assert holm(list(p_values)) == pytest.approx(multipletests(p_values, method="holm")[1])


def test_level_of_independent_comparisons_is_that_of_sidak() -> None:
    draws = standardized_draws(np.eye(5), np.eye(5), draws=100_000, seed=0)
    assert simultaneous_level(draws.max(axis=1), 0.05) == pytest.approx(1 - 0.95 ** (1 / 5), rel=0.05)


def test_draws_have_variance_one_and_zero_for_a_contrast_that_does_not_vary() -> None:
    covariance = np.array([[4.0, 4.0], [4.0, 4.0]])
    draws = standardized_draws(covariance, np.array([[1.0, 0.0], [1.0, -1.0]]), draws=20_000, seed=0)
    assert draws[:, 0].std() == pytest.approx(1, rel=0.02)
    assert abs(draws[:, 1]).max() == 0
    assert simultaneous_level(draws[:, 0], 0.05) == pytest.approx(norm.sf(1.645), rel=0.1)
