from __future__ import annotations

import numpy as np
import pytest

from duetbench.evaluation.statistics import Bootstrap, Interval, bootstrap, holm, shared_ranks

USERS = [f"u{row // 4}" for row in range(200)]


def _errors(seed: int, shift: float = 0.0) -> np.ndarray:
    return np.abs(np.random.default_rng(seed).normal(0, 1, 200)) + shift


def _difference(errors: np.ndarray, others: np.ndarray, users: list[str] = USERS, *, seed: int = 0) -> Interval | None:
    return bootstrap(np.stack([errors, others], axis=1), users, seed=seed).difference(0, 1)


def test_means_are_over_pairs_and_not_over_users() -> None:
    means = bootstrap(np.array([[1.0], [1.0], [4.0]]), ["a", "a", "b"], resamples=10)
    assert means.means.tolist() == [2.0]
    assert set(means.draws[:, 0]) <= {1.0, 2.0, 4.0}  # both a, one of each, both b


def test_the_same_seed_is_the_same_interval() -> None:
    one, two = (_difference(_errors(0), _errors(1), seed=3) for _ in range(2))
    assert one == two
    assert one != _difference(_errors(0), _errors(1), seed=4)


def test_equal_errors_have_a_difference_of_exactly_zero() -> None:
    found = _difference(_errors(0), _errors(0))
    assert found is not None
    assert (found.low, found.estimate, found.high, found.p) == (0, 0, 0, 1.0)


def test_a_constant_lead_is_certain_however_much_pairs_vary() -> None:
    found = _difference(_errors(0), _errors(0, shift=0.1))
    assert found is not None
    assert found.high == pytest.approx(-0.1)
    assert found.excludes_zero
    assert found.p == pytest.approx(2 / 2001)


def test_the_interval_of_the_opposite_difference_is_the_negated_one() -> None:
    one, two = _difference(_errors(0), _errors(1)), _difference(_errors(1), _errors(0))
    assert one is not None
    assert two is not None
    assert (one.low, one.high) == pytest.approx((-two.high, -two.low))


def test_the_interval_of_a_mean_has_the_width_of_the_normal_one() -> None:
    values = _errors(5)
    found = bootstrap(values[:, None], [str(row) for row in range(200)]).interval(0)
    assert found is not None
    assert found.high - found.low == pytest.approx(2 * 1.96 * values.std() / 200**0.5, rel=0.1)


def test_correlated_errors_of_a_user_widen_the_interval() -> None:
    values = np.repeat(_errors(0)[:50], 4)[:, None]
    apart = bootstrap(values, [str(row) for row in range(200)]).interval(0)
    clustered = bootstrap(values, USERS).interval(0)
    assert apart is not None
    assert clustered is not None
    assert clustered.high - clustered.low > 1.5 * (apart.high - apart.low)


def test_one_user_has_no_interval() -> None:
    assert _difference(np.array([1.0, 2.0]), np.array([0.0, 0.0]), ["u", "u"]) is None


def test_no_pair_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one pair"):
        bootstrap(np.zeros((0, 1)), [])


def _ranks(*columns: np.ndarray) -> list[int]:
    return shared_ranks(bootstrap(np.stack(columns, axis=1), USERS))


def test_columns_with_certain_differences_have_different_ranks() -> None:
    assert _ranks(_errors(0, 0.4), _errors(0), _errors(0, 0.2)) == [3, 1, 2]


def test_columns_without_a_certain_difference_share_a_rank_and_the_next_is_skipped() -> None:
    assert _ranks(_errors(0), _errors(1), _errors(2, 3.0)) == [1, 1, 3]


def test_equal_columns_all_share_the_first_rank() -> None:
    assert _ranks(_errors(0), _errors(0), _errors(0)) == [1, 1, 1]


def test_with_one_user_all_tie() -> None:
    assert shared_ranks(Bootstrap(np.array([1.0, 0.5]), np.zeros((3, 2)), 1)) == [1, 1]


def test_no_columns_have_no_ranks() -> None:
    assert shared_ranks(Bootstrap(np.zeros(0), np.zeros((3, 0)), 5)) == []


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.slow
def test_intervals_cover_the_true_mean_as_often_as_their_level() -> None:
    covered = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        effect = np.repeat(rng.normal(0, 1, 60), 4)  # per user
        values = (effect + rng.normal(0, 1, 240))[:, None]
        found = bootstrap(values, [f"u{row // 4}" for row in range(240)], resamples=500, seed=seed).interval(0)
        assert found is not None
        covered += found.low <= 0 <= found.high
    assert 0.90 <= covered / 300 <= 0.98
