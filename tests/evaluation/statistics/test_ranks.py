from __future__ import annotations

import numpy as np
import pytest

from duetbench.evaluation.statistics import (
    Columns,
    RankInterval,
    Uncertainty,
    difference_p,
    rank_intervals,
    uncertainty,
)

USERS = [f"u{row // 4}" for row in range(400)]
ITEMS = [f"i{row % 50}" for row in range(400)]


def _errors(seed: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1, (1, 400))


def _of(*columns: np.ndarray, users: list[str] = USERS) -> Uncertainty:
    return uncertainty(Columns(columns, users, ITEMS))


def _ranks(*columns: np.ndarray) -> list[tuple[int, int]]:
    return [(ranks.best, ranks.worst) for ranks in rank_intervals(_of(*columns)).intervals]


def test_certain_differences_leave_one_rank_each() -> None:
    assert _ranks(_errors(0, 0.4), _errors(0), _errors(0, 0.2)) == [(3, 3), (1, 1), (2, 2)]


def test_rows_that_cannot_be_told_apart_have_overlapping_intervals() -> None:
    assert _ranks(_errors(0), _errors(1), _errors(2, 3.0)) == [(1, 2), (1, 2), (3, 3)]


def test_equal_rows_may_have_every_rank() -> None:
    assert _ranks(_errors(0), _errors(0), _errors(0)) == [(1, 3)] * 3


def test_one_user_leaves_every_rank() -> None:
    of = _of(_errors(0), _errors(0, 1.0), users=["u"] * 400)
    assert rank_intervals(of).intervals == [RankInterval(1, 2)] * 2


def test_one_row_has_rank_one() -> None:
    assert _ranks(_errors(0)) == [(1, 1)]


def test_the_level_of_a_single_pair_falls_with_the_number_of_rows() -> None:
    two, eight = (rank_intervals(_of(*(_errors(seed) for seed in range(n)))).level for n in (2, 8))
    assert (two, eight) == (0.05, 0.05 / 28)


def test_seeds_that_differ_leave_more_ranks() -> None:
    better, worse = _errors(0), _errors(0, 0.2)
    varied = [values + np.array([[-0.2], [0.0], [0.2]]) for values in (better, worse)]
    assert _ranks(better, worse) == [(1, 1), (2, 2)]
    assert _ranks(*varied) == [(1, 2), (1, 2)]


def test_a_difference_without_variance_is_no_evidence_by_itself() -> None:
    users = [f"u{row}" for row in range(40)]
    of = uncertainty(Columns([np.zeros((1, 40)), np.ones((1, 40))], users, users))
    assert difference_p(of, of.contrast(0, 1)) == 2.0**-39  # all users agree: the exact test
    few = uncertainty(Columns([np.zeros((1, 3)), np.ones((1, 3))], users[:3], users[:3]))
    assert difference_p(few, few.contrast(0, 1)) == 0.25


@pytest.mark.parametrize(("users", "pairs"), [(2, 1), (2, 10), (3, 8), (5, 4), (10, 2), (21, 1)])
def test_equal_methods_with_errors_without_decimals_are_rarely_split(users: int, pairs: int) -> None:
    rng, split = np.random.default_rng(3), 0
    names = [f"u{row // pairs}" for row in range(users * pairs)]
    ratings = np.arange(1.0, 6.0)
    for _ in range(60):
        truths, *predicted = rng.choice(ratings, p=[0.05, 0.05, 0.1, 0.2, 0.6], size=(9, users * pairs))
        columns = Columns([abs(truths - of)[None] for of in predicted], names, [f"i{row}" for row in range(len(names))])
        split += bool(rank_intervals(uncertainty(columns)).is_better.any())
    assert split <= 6
