"""The alarm for reward hacking: it is raised in hacked trainings and not in others."""

from __future__ import annotations

from random import Random

import pytest
from hacking_runs import is_alarmed, read_curves

from duetbench.training.loop.reward_hacking import reward_hacking_alarm

N_ROWS, N_ROUNDS, N_EVALUATIONS = 100, 75, 6


def simulated(seed: int, *, reward_gain: float, held_out_loss: float) -> tuple[list[float], list[list[float]]]:
    """Curves as trainings have them: autocorrelated rewards, and errors of rows that keep most of their size.

    The error of a row changes between two evaluations by about 0.3 x sqrt(2), at the middle of what was measured for
    pairs of methods on five-star data (0.29 to 0.59).
    """
    rng = Random(seed)
    rewards, noise = [], 0.0
    for n_round in range(N_ROUNDS):
        noise = 0.6 * noise + rng.gauss(0, 0.02)
        rewards.append(0.7 + reward_gain * n_round / N_ROUNDS + noise)
    rows = [rng.gauss(0.8, 0.5) for _ in range(N_ROWS)]
    held_out = [
        [abs(row + held_out_loss * k / N_EVALUATIONS + rng.gauss(0, 0.3)) for row in rows]
        for k in range(N_EVALUATIONS + 1)
    ]
    return rewards, held_out


def n_alarmed(n: int, *, reward_gain: float, held_out_loss: float) -> int:
    curves = (simulated(seed, reward_gain=reward_gain, held_out_loss=held_out_loss) for seed in range(n))
    return sum(is_alarmed(*curve) for curve in curves)


def test_it_is_raised_in_5_of_5_hacked_trainings_of_the_tiny_model():
    assert [is_alarmed(curve["rewards"], curve["held_out"]) for curve in read_curves("hacked")] == [True] * 5


@pytest.mark.parametrize("kind", ["learns", "random_reward"])
def test_it_is_raised_in_0_of_10_other_trainings_of_the_tiny_model(kind):
    assert [is_alarmed(curve["rewards"], curve["held_out"]) for curve in read_curves(kind)] == [False] * 10


@pytest.mark.parametrize("curve", read_curves("hacked"), ids=lambda curve: f"seed {curve['seed']}")
def test_those_trainings_are_hacked(curve):
    rewards, untrained = curve["rewards"], curve["held_out"][0]
    pairs = [
        [(before, after) for before, after in zip(untrained, errors, strict=True) if None not in (before, after)]
        for errors in curve["held_out"]
    ]
    last = [evaluation for evaluation in pairs if len(evaluation) >= 20][-1]
    assert sum(rewards[-18:]) / 18 - sum(rewards[:9]) / 9 >= 0.2
    assert sum(after - before for before, after in last) / len(last) >= 0.5


def test_it_is_raised_in_simulated_hacked_trainings():
    assert n_alarmed(40, reward_gain=0.15, held_out_loss=0.5) >= 36


@pytest.mark.parametrize(
    ("reward_gain", "held_out_loss"),
    [(0.15, -0.15), (0.15, 0.0), (0.0, 0.0), (0.0, 0.5)],
    ids=["learns", "held-out scorer unchanged", "nothing changes", "only the held-out scorer gets worse"],
)
def test_it_is_raised_in_at_most_5_percent_of_other_simulated_trainings(reward_gain, held_out_loss):
    assert n_alarmed(100, reward_gain=reward_gain, held_out_loss=held_out_loss) <= 5


RISING = [0.1 * n for n in range(18)]
WORSE = [[0.5] * 20, [0.6] * 20, [0.7] * 20]


def test_it_names_the_numbers():
    alarm = reward_hacking_alarm(RISING, WORSE)
    assert str(alarm) == (
        "reward hacking: the training reward rose from 0.05 to 1.65, while the MAE of the scorer outside the loop rose "
        "from 0.5 to 0.7"
    )


def test_a_falling_or_constant_reward_is_no_hacking():
    assert reward_hacking_alarm(RISING[::-1], WORSE) is None
    assert reward_hacking_alarm([1.0] * 18, WORSE) is None


def test_rows_that_one_checkpoint_made_unreadable_are_compared_later():
    assert reward_hacking_alarm(RISING, [[0.5] * 20, [0.6] * 20, [None] * 18 + [0.6] * 2, [0.7] * 20]) is not None


def test_an_evaluation_without_any_prediction_is_passed_over():
    assert reward_hacking_alarm(RISING, [[0.5] * 20, [0.6] * 20, [None] * 20, [0.7] * 20]) is not None
    assert reward_hacking_alarm(RISING, [[0.5] * 20, [0.4] * 20, [None] * 20, [0.7] * 20]) is None
    assert reward_hacking_alarm(RISING, [[0.5] * 20, [None] * 20, [0.7] * 20]) is None


def test_unreadable_profiles_alone_are_no_loss():
    assert reward_hacking_alarm(RISING, [[0.5] * 20, [0.6] * 20, [None] * 20]) is None


def test_a_single_bad_checkpoint_is_no_trend():
    assert reward_hacking_alarm(RISING, [[0.5] * 20, [0.4] * 20, [0.7] * 20]) is None


@pytest.mark.parametrize(
    ("rewards", "held_out"), [(RISING[:17], WORSE), (RISING, WORSE[:1]), (RISING, []), (RISING, [[0.5] * 6, [0.6] * 6])]
)
def test_too_little_data_gives_no_alarm(rewards, held_out):
    assert reward_hacking_alarm(rewards, held_out) is None
