"""The algebra of credit, on made-up rewards."""

from __future__ import annotations

from random import Random

import pytest

from duetbench.training.credit import Meeting, marginals, meetings, spread, with_malformed


def made_up(n_users: int, n_items: int, seed: int = 0) -> dict[Meeting, float]:
    rng = Random(seed)
    return {Meeting(a, b): rng.random() for a in range(n_users) for b in range(n_items)}


def centred(values: list[float | None]) -> list[float]:
    known = [value for value in values if value is not None]
    return [value - sum(known) / len(known) for value in known]


def test_everybody_meets_everybody_at_full_crossing():
    assert meetings(3, 3, 3) == [Meeting(a, b) for a in range(3) for b in range(3)]


@pytest.mark.parametrize(("n_users", "n_items", "partners"), [(4, 4, 1), (8, 8, 4), (5, 3, 2), (1, 6, 2), (7, 2, 8)])
def test_everybody_has_the_partners_that_there_are(n_users, n_items, partners):
    met = meetings(n_users, n_items, partners)
    assert len(set(met)) == len(met)
    assert all(sum(m.user == a for m in met) >= min(partners, n_items) for a in range(n_users))
    assert all(sum(m.item == b for m in met) >= min(partners, n_users) for b in range(n_items))


def test_equal_numbers_meet_in_a_circle_without_extra_cost():
    assert len(meetings(8, 8, 3)) == 24


def test_nobody_meets_where_one_side_is_empty():
    assert meetings(0, 4, 2) == meetings(4, 0, 2) == []


def test_permuting_partners_changes_nothing_at_full_crossing():
    rewards = made_up(4, 4)
    order = [2, 0, 3, 1]
    permuted = {Meeting(m.user, order[m.item]): value for m, value in rewards.items()}
    before = marginals(4, 4, rewards, rewards)
    after = marginals(4, 4, permuted, permuted)
    assert after.users == pytest.approx(before.users)
    assert [after.items[order[b]] for b in range(4)] == pytest.approx(before.items)


def test_a_partners_own_quality_cancels_in_the_baseline_at_full_crossing():
    alpha, beta = [0.1, 0.7, 0.4], [0.9, -0.5, 0.2]
    rewards = {Meeting(a, b): alpha[a] + beta[b] for a in range(3) for b in range(3)}
    credit = marginals(3, 3, rewards, rewards)
    assert centred(credit.users) == pytest.approx(centred(list(alpha)))
    assert centred(credit.items) == pytest.approx(centred(list(beta)))


def test_a_partners_own_quality_stays_inside_one_to_one_pairing():
    alpha, beta = [0.1, 0.7, 0.4], [0.9, -0.5, 0.2]
    rewards = {m: alpha[m.user] + beta[m.item] for m in meetings(3, 3, 1)}
    assert centred(marginals(3, 3, rewards, rewards).users) != pytest.approx(centred(list(alpha)))


def test_a_malformed_completion_changes_nobody_elses_credit():
    rewards = made_up(3, 4)
    alone = marginals(3, 4, rewards, rewards)
    readable = [True, False, True, True]
    with_bad = with_malformed(alone.users, readable, -1.0)
    assert [value for value, ok in zip(with_bad, readable, strict=True) if ok] == alone.users
    assert with_bad[1] == -1.0


def test_a_penalty_of_none_leaves_the_malformed_out():
    assert with_malformed([0.5], [False, True], None) == [None, 0.5]


def test_what_could_not_be_judged_does_not_count():
    rewards = {Meeting(0, 0): 1.0, Meeting(0, 1): None, Meeting(1, 0): None, Meeting(1, 1): None}
    assert marginals(2, 2, rewards, rewards).users == [1.0, None]


def test_sides_may_be_paid_differently_for_one_meeting():
    user, item = {Meeting(0, 0): 0.2}, {Meeting(0, 0): 0.8}
    assert marginals(1, 1, user, item) == ([0.2], [0.8])


def test_spread_needs_two_credits():
    assert spread([None, 0.4]) is None
    assert spread([0.1, None, 0.4]) == pytest.approx(0.3)


def test_full_crossing_finds_the_true_effects_better_than_pairing():
    rng = Random(3)
    hits = {1: 0, 8: 0}
    for _ in range(200):
        alpha, beta = [rng.gauss(0, 1) for _ in range(8)], [rng.gauss(0, 1) for _ in range(8)]
        noise = {Meeting(a, b): rng.gauss(0, 0.5) for a in range(8) for b in range(8)}
        for partners in hits:
            rewards = {m: alpha[m.user] + beta[m.item] + noise[m] for m in meetings(8, 8, partners)}
            users = marginals(8, 8, rewards, rewards).users
            hits[partners] += users.index(max(users)) == alpha.index(max(alpha))
    assert hits[8] > hits[1] + 40
