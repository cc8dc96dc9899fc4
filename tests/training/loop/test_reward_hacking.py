"""The alarm for reward hacking: it is raised in hacked trainings and not in others."""

from __future__ import annotations

from random import Random

import pytest

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


def alarm_in(rewards: list[float], held_out: list[list[float]]) -> bool:
    """Whether there is an alarm at any of the evaluations, as in a training."""
    per_evaluation = len(rewards) // (len(held_out) - 1)
    return any(reward_hacking_alarm(rewards[: k * per_evaluation], held_out[: k + 1]) for k in range(1, len(held_out)))


def test_it_is_raised_in_5_of_5_simulated_hacked_trainings():
    assert all(alarm_in(*simulated(seed, reward_gain=0.15, held_out_loss=0.5)) for seed in range(5))


@pytest.mark.parametrize(
    ("reward_gain", "held_out_loss"),
    [(0.15, -0.15), (0.15, 0.0), (0.0, 0.0), (0.0, 0.5)],
    ids=["learns", "held-out scorer unchanged", "nothing changes", "only the held-out scorer gets worse"],
)
def test_it_is_raised_in_0_of_20_other_simulated_trainings(reward_gain, held_out_loss):
    curves = (simulated(seed, reward_gain=reward_gain, held_out_loss=held_out_loss) for seed in range(100, 120))
    assert not any(alarm_in(*curve) for curve in curves)


RISING = [0.1 * n for n in range(16)]
WORSE = [[0.5] * 20, [0.6] * 20, [0.7] * 20]


def test_it_names_the_numbers():
    alarm = reward_hacking_alarm(RISING, WORSE)
    assert str(alarm) == (
        "reward hacking: the training reward rose from 0.05 to 1.45, while the MAE of the scorer outside the loop rose "
        "from 0.5 to 0.7"
    )


def test_a_falling_or_constant_reward_is_no_hacking():
    assert reward_hacking_alarm(RISING[::-1], WORSE) is None
    assert reward_hacking_alarm([1.0] * 16, WORSE) is None


def test_a_single_bad_checkpoint_is_no_trend():
    assert reward_hacking_alarm(RISING, [[0.5] * 20, [0.4] * 20, [0.7] * 20]) is None


@pytest.mark.parametrize(
    ("rewards", "held_out"), [(RISING[:11], WORSE), (RISING, WORSE[:1]), (RISING, []), (RISING, [[0.5], [0.6]])]
)
def test_too_little_data_gives_no_alarm(rewards, held_out):
    assert reward_hacking_alarm(rewards, held_out) is None
