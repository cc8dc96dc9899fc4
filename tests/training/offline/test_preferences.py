"""Best candidates and preference pairs."""

from __future__ import annotations

from random import Random

import pytest

from duetbench.training.offline.preferences import PairingRule, PreferencePair, best_candidate, preference_pairs
from duetbench.training.rewarding import GradedCompletion
from duetbench.types import Domain

STARS = Domain("album", "albums")


def candidates(*rewards: float | None) -> list[GradedCompletion]:
    return [GradedCompletion(f"text {n}", "ok", (), reward, None) for n, reward in enumerate(rewards)]


def with_values(*values: float | None) -> list[GradedCompletion]:
    return [GradedCompletion(f"text {n}", "ok", (), 0.0, value) for n, value in enumerate(values)]


def pairs(pool: list[GradedCompletion], rule: PairingRule, truth: float = 4.0, seed: int = 0) -> list[PreferencePair]:
    return preference_pairs(pool, truth, rule, Random(seed), domain=STARS)


def test_the_best_candidate_has_the_highest_reward():
    assert best_candidate(candidates(0.2, None, 0.9, 0.9), least=None) == 2


def test_without_a_good_enough_candidate_there_is_none():
    assert best_candidate(candidates(0.2, 0.4), least=0.5) is None


def test_the_best_candidate_must_exceed_the_mean_by_the_gain():
    assert best_candidate(candidates(0.5, 0.5, 0.5), least=None, gain=0.01) is None
    assert best_candidate(candidates(0.5, 0.5, 0.8), least=None, gain=0.2) == 2
    assert best_candidate(candidates(0.5, 0.5, 0.8), least=None, gain=0.21) is None


def test_an_unreadable_candidate_is_never_the_best():
    assert best_candidate([GradedCompletion("x", "unreadable", (), 1.0, None)], least=None) is None


def test_the_rewards_of_a_pair_differ_by_the_margin():
    assert pairs(candidates(1.0, 0.9, 0.2), PairingRule(margin=0.5)) == [PreferencePair(0, 2), PreferencePair(1, 2)]


def test_equal_rewards_give_no_pair():
    assert pairs(candidates(0.5, 0.5, 0.5), PairingRule(margin=0.0)) == []


def test_best_and_worst_are_one_pair():
    assert pairs(candidates(0.5, 0.1, 0.9), PairingRule(pairing="best_worst", margin=0.1)) == [PreferencePair(2, 1)]


def test_the_pairs_with_the_largest_differences_are_kept():
    assert pairs(candidates(1.0, 0.6, 0.0), PairingRule(margin=0.1, max_pairs=2)) == [
        PreferencePair(0, 2),
        PreferencePair(1, 2),
    ]


def test_a_random_subset_of_pairs_depends_on_the_seed():
    rule = PairingRule(pairing="sampled", margin=0.0, max_pairs=3)
    pool = candidates(*(n / 10 for n in range(8)))
    assert pairs(pool, rule, seed=1) == pairs(pool, rule, seed=1)
    assert {tuple(pairs(pool, rule, seed=n)) for n in range(9)} != {tuple(pairs(pool, rule, seed=1))}


def test_unreadable_candidates_are_in_no_pair():
    pool = [*candidates(0.9), GradedCompletion("bad", "unreadable", (), -1.0, None)]
    assert pairs(pool, PairingRule()) == []


def test_equal_texts_are_no_pair():
    pool = [GradedCompletion("same", "ok", (), 0.9, None), GradedCompletion("same", "ok", (), 0.1, None)]
    assert pairs(pool, PairingRule()) == []


def test_right_and_wrong_by_class():
    pool = with_values(3.6, 4.4, 2.0, None)
    assert pairs(pool, PairingRule(judge="class")) == [PreferencePair(0, 2), PreferencePair(1, 2)]


def test_all_right_or_all_wrong_gives_no_pair():
    assert pairs(with_values(4.0, 4.1), PairingRule(judge="class")) == []
    assert pairs(with_values(1.0, 2.0), PairingRule(judge="class")) == []


def test_right_and_wrong_by_three_classes():
    pool = with_values(4.9, 3.6, 3.5, 1.0, None)
    assert pairs(pool, PairingRule(judge="sentiment", max_pairs=None), truth=4.0) == [
        *(PreferencePair(right, 3) for right in (1, 0)),
        *(PreferencePair(right, 2) for right in (1, 0)),
    ]


def test_one_star_more_or_less_within_a_class_is_right():
    assert pairs(with_values(5.0, 4.0), PairingRule(judge="sentiment"), truth=4.0) == []
    assert pairs(with_values(5.0, 4.0), PairingRule(judge="class"), truth=4.0) == [PreferencePair(1, 0)]


def test_without_a_limit_all_right_and_wrong_candidates_are_paired():
    pool = with_values(*[4.0] * 5, *[2.0] * 5)
    assert len(pairs(pool, PairingRule(judge="sentiment", max_pairs=None))) == 25
    assert len(pairs(pool, PairingRule(judge="sentiment", max_pairs=8))) == 8


@pytest.mark.parametrize("values", [(4.0, 5.0, 3.8), (1.0, 2.0, 3.0)])
def test_all_right_or_all_wrong_of_three_classes_gives_no_pair(values):
    assert pairs(with_values(*values), PairingRule(judge="sentiment", max_pairs=None)) == []
