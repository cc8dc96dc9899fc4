"""Choosing what to learn from."""

from __future__ import annotations

from random import Random

from duetbench.training.offline.preferences import Pair, Pairing, best_of, pairs_of
from duetbench.training.rewarding import Judged


def candidates(*rewards: float | None) -> list[Judged]:
    return [Judged(f"text {n}", "ok", (), reward, None) for n, reward in enumerate(rewards)]


def predicting(*values: float | None) -> list[Judged]:
    return [Judged(f"text {n}", "ok", (), 0.0, value) for n, value in enumerate(values)]


def pairs(found: list[Judged], how: Pairing, truth: float = 4.0, seed: int = 0) -> list[Pair]:
    return pairs_of(found, truth, how, Random(seed))


def test_the_best_is_the_one_that_earned_most():
    assert best_of(candidates(0.2, None, 0.9, 0.9), least=None) == 2


def test_a_best_that_is_not_good_enough_is_none():
    assert best_of(candidates(0.2, 0.4), least=0.5) is None


def test_a_best_among_equals_says_nothing_where_a_gain_is_asked():
    assert best_of(candidates(0.5, 0.5, 0.5), least=None, gain=0.01) is None
    assert best_of(candidates(0.5, 0.5, 0.8), least=None, gain=0.2) == 2
    assert best_of(candidates(0.5, 0.5, 0.8), least=None, gain=0.21) is None


def test_of_unreadable_candidates_none_is_best():
    assert best_of([Judged("x", "unreadable", (), 1.0, None)], least=None) is None


def test_pairs_need_their_margin():
    assert pairs(candidates(1.0, 0.9, 0.2), Pairing(margin=0.5)) == [Pair(0, 2), Pair(1, 2)]


def test_a_pool_of_equals_gives_no_pair():
    assert pairs(candidates(0.5, 0.5, 0.5), Pairing(margin=0.0)) == []


def test_best_and_worst_are_one_pair():
    assert pairs(candidates(0.5, 0.1, 0.9), Pairing(pairing="best_worst", margin=0.1)) == [Pair(2, 1)]


def test_the_widest_pairs_stay():
    assert pairs(candidates(1.0, 0.6, 0.0), Pairing(margin=0.1, max_pairs=2)) == [Pair(0, 2), Pair(1, 2)]


def test_a_sample_follows_its_seed():
    how = Pairing(pairing="sampled", margin=0.0, max_pairs=3)
    pool = candidates(*(n / 10 for n in range(8)))
    assert pairs(pool, how, seed=1) == pairs(pool, how, seed=1)
    assert {tuple(pairs(pool, how, seed=n)) for n in range(9)} != {tuple(pairs(pool, how, seed=1))}


def test_unreadable_candidates_are_in_no_pair():
    pool = [*candidates(0.9), Judged("bad", "unreadable", (), -1.0, None)]
    assert pairs(pool, Pairing()) == []


def test_equal_texts_are_no_pair():
    pool = [Judged("same", "ok", (), 0.9, None), Judged("same", "ok", (), 0.1, None)]
    assert pairs(pool, Pairing()) == []


def test_right_and_wrong_by_class():
    pool = predicting(3.6, 4.4, 2.0, None)
    assert pairs(pool, Pairing(judge="class")) == [Pair(0, 2), Pair(1, 2)]


def test_all_right_or_all_wrong_gives_no_pair():
    assert pairs(predicting(4.0, 4.1), Pairing(judge="class")) == []
    assert pairs(predicting(1.0, 2.0), Pairing(judge="class")) == []
