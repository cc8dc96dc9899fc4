"""The algebra of credit, on made-up rewards."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import pytest

from duetbench.training.advantage import PartnerPair, marginal_means, partner_pairs, reward_range


def made_up(n_users: int, n_items: int, seed: int = 0) -> dict[PartnerPair, float]:
    rng = Random(seed)
    return {PartnerPair(a, b): rng.random() for a in range(n_users) for b in range(n_items)}


def of_users(rewards: Mapping[PartnerPair, float | None]) -> list[float | None]:
    found = marginal_means([meeting.user for meeting in rewards], list(rewards.values()))
    return [found[user] for user in sorted(found)]


def of_items(rewards: Mapping[PartnerPair, float | None]) -> list[float | None]:
    found = marginal_means([meeting.item for meeting in rewards], list(rewards.values()))
    return [found[item] for item in sorted(found)]


def centred(values: list[float | None]) -> list[float]:
    known = [value for value in values if value is not None]
    return [value - sum(known) / len(known) for value in known]


def test_everybody_meets_everybody_at_full_crossing():
    assert partner_pairs(3, 3, 3) == [PartnerPair(a, b) for a in range(3) for b in range(3)]


@pytest.mark.parametrize(("n_users", "n_items", "partners"), [(4, 4, 1), (8, 8, 4), (5, 3, 2), (1, 6, 2), (7, 2, 8)])
def test_everybody_has_the_partners_that_there_are(n_users, n_items, partners):
    met = partner_pairs(n_users, n_items, partners)
    assert len(set(met)) == len(met)
    assert all(sum(m.user == a for m in met) >= min(partners, n_items) for a in range(n_users))
    assert all(sum(m.item == b for m in met) >= min(partners, n_users) for b in range(n_items))


def test_equal_numbers_meet_in_a_circle_without_extra_cost():
    assert len(partner_pairs(8, 8, 3)) == 24


def test_nobody_meets_where_one_side_is_empty():
    assert partner_pairs(0, 4, 2) == partner_pairs(4, 0, 2) == []


def test_permuting_partners_changes_nothing_at_full_crossing():
    rewards = made_up(4, 4)
    order = [2, 0, 3, 1]
    permuted = {PartnerPair(m.user, order[m.item]): value for m, value in rewards.items()}
    assert of_users(permuted) == pytest.approx(of_users(rewards))
    assert [of_items(permuted)[order[b]] for b in range(4)] == pytest.approx(of_items(rewards))


def test_a_partners_own_quality_cancels_in_the_baseline_at_full_crossing():
    alpha, beta = [0.1, 0.7, 0.4], [0.9, -0.5, 0.2]
    rewards = {PartnerPair(a, b): alpha[a] + beta[b] for a in range(3) for b in range(3)}
    assert centred(of_users(rewards)) == pytest.approx(centred(list(alpha)))
    assert centred(of_items(rewards)) == pytest.approx(centred(list(beta)))


def test_a_partners_own_quality_stays_inside_one_to_one_pairing():
    alpha, beta = [0.1, 0.7, 0.4], [0.9, -0.5, 0.2]
    rewards = {m: alpha[m.user] + beta[m.item] for m in partner_pairs(3, 3, 1)}
    assert centred(of_users(rewards)) != pytest.approx(centred(list(alpha)))


def test_a_penalty_of_its_own_changes_nobody_elses_credit():
    met = made_up(3, 4)
    owners: list[object] = [meeting.user for meeting in met]
    with_bad = marginal_means([*owners, "malformed"], [*met.values(), -1.0])
    assert [with_bad[user] for user in range(3)] == of_users(met)
    assert with_bad["malformed"] == -1.0


def test_what_could_not_be_judged_does_not_count():
    assert marginal_means([0, 0, 1, 1], [1.0, None, None, None]) == {0: 1.0, 1: None}


def test_spread_needs_two_credits():
    assert reward_range([None, 0.4]) is None
    assert reward_range([0.1, None, 0.4]) == pytest.approx(0.3)


def test_full_crossing_finds_the_true_effects_better_than_pairing():
    rng = Random(3)
    hits = {1: 0, 8: 0}
    for _ in range(200):
        alpha, beta = [rng.gauss(0, 1) for _ in range(8)], [rng.gauss(0, 1) for _ in range(8)]
        noise = {PartnerPair(a, b): rng.gauss(0, 0.5) for a in range(8) for b in range(8)}
        for partners in hits:
            rewards = {m: alpha[m.user] + beta[m.item] + noise[m] for m in partner_pairs(8, 8, partners)}
            users = of_users(rewards)
            hits[partners] += users.index(max(users)) == alpha.index(max(alpha))
    assert hits[8] > hits[1] + 40
