"""Partner pairs and marginal means, on synthetic rewards."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import pytest

from duetbench.training.credit import PartnerPair, marginal_means, partner_pairs


def random_rewards(n_users: int, n_items: int, seed: int = 0) -> dict[PartnerPair, float]:
    rng = Random(seed)
    return {PartnerPair(a, b): rng.random() for a in range(n_users) for b in range(n_items)}


def user_means(rewards: Mapping[PartnerPair, float | None]) -> list[float | None]:
    means = marginal_means([pair.user for pair in rewards], list(rewards.values()))
    return [means[user] for user in sorted(means)]


def item_means(rewards: Mapping[PartnerPair, float | None]) -> list[float | None]:
    means = marginal_means([pair.item for pair in rewards], list(rewards.values()))
    return [means[item] for item in sorted(means)]


def centred(values: list[float | None]) -> list[float]:
    known = [value for value in values if value is not None]
    return [value - sum(known) / len(known) for value in known]


def test_full_crossing_pairs_every_user_with_every_item():
    assert partner_pairs(3, 3, 3) == [PartnerPair(a, b) for a in range(3) for b in range(3)]


@pytest.mark.parametrize(("n_users", "n_items", "partners"), [(4, 4, 1), (8, 8, 4), (5, 3, 2), (1, 6, 2), (7, 2, 8)])
def test_every_profile_has_the_requested_partners_or_all_there_are(n_users, n_items, partners):
    pairs = partner_pairs(n_users, n_items, partners)
    assert len(set(pairs)) == len(pairs)
    assert all(sum(pair.user == a for pair in pairs) >= min(partners, n_items) for a in range(n_users))
    assert all(sum(pair.item == b for pair in pairs) >= min(partners, n_users) for b in range(n_items))


def test_equal_numbers_are_paired_in_a_circle_without_extra_pairs():
    assert len(partner_pairs(8, 8, 3)) == 24


def test_there_are_no_pairs_if_a_side_is_empty():
    assert partner_pairs(0, 4, 2) == partner_pairs(4, 0, 2) == []


def test_permuting_partners_changes_no_mean_at_full_crossing():
    rewards = random_rewards(4, 4)
    order = [2, 0, 3, 1]
    permuted = {PartnerPair(pair.user, order[pair.item]): value for pair, value in rewards.items()}
    assert user_means(permuted) == pytest.approx(user_means(rewards))
    assert [item_means(permuted)[order[b]] for b in range(4)] == pytest.approx(item_means(rewards))


def test_a_partners_effect_cancels_in_the_baseline_at_full_crossing():
    alpha, beta = [0.1, 0.7, 0.4], [0.9, -0.5, 0.2]
    rewards = {PartnerPair(a, b): alpha[a] + beta[b] for a in range(3) for b in range(3)}
    assert centred(user_means(rewards)) == pytest.approx(centred(list(alpha)))
    assert centred(item_means(rewards)) == pytest.approx(centred(list(beta)))


def test_a_partners_effect_remains_in_one_to_one_pairing():
    alpha, beta = [0.1, 0.7, 0.4], [0.9, -0.5, 0.2]
    rewards = {pair: alpha[pair.user] + beta[pair.item] for pair in partner_pairs(3, 3, 1)}
    assert centred(user_means(rewards)) != pytest.approx(centred(list(alpha)))


def test_the_penalty_of_an_unreadable_completion_changes_no_other_mean():
    rewards = random_rewards(3, 4)
    owners: list[object] = [pair.user for pair in rewards]
    means = marginal_means([*owners, "unreadable"], [*rewards.values(), -1.0])
    assert [means[user] for user in range(3)] == user_means(rewards)
    assert means["unreadable"] == -1.0


def test_values_that_are_none_are_left_out_of_the_mean():
    assert marginal_means([0, 0, 1, 1], [1.0, None, None, None]) == {0: 1.0, 1: None}


def test_full_crossing_finds_the_best_profile_more_often_than_pairing():
    rng = Random(3)
    hits = {1: 0, 8: 0}
    for _ in range(200):
        alpha, beta = [rng.gauss(0, 1) for _ in range(8)], [rng.gauss(0, 1) for _ in range(8)]
        noise = {PartnerPair(a, b): rng.gauss(0, 0.5) for a in range(8) for b in range(8)}
        for partners in hits:
            pairs = partner_pairs(8, 8, partners)
            users = user_means({pair: alpha[pair.user] + beta[pair.item] + noise[pair] for pair in pairs})
            hits[partners] += users.index(max(users)) == alpha.index(max(alpha))
    assert hits[8] > hits[1] + 40
