"""Advantage estimators; that they agree with TRL is tested in `trl/test_grpo_advantages.py`."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest
from grpo_runs import HERE

from duetbench.config import options_of
from duetbench.training import advantage
from duetbench.training.advantage import ESTIMATORS, estimate_advantages, reward_range

NAN = math.nan


def advantages(estimator: str, *rewards: float, group_size: int = 4) -> list[float]:
    import torch

    values: list[float] = estimate_advantages(torch.tensor(rewards), estimator, group_size=group_size).tolist()
    return values


def test_group_normalized_divides_by_the_sample_standard_deviation_of_the_group():
    std = math.sqrt(2 / 3)
    expected = [value / (std + 1e-4) for value in (-1.0, 0.0, 0.0, 1.0)]
    assert advantages("group_normalized", 1.0, 2.0, 2.0, 3.0) == pytest.approx(expected, rel=1e-6)


def test_batch_normalized_divides_by_the_standard_deviation_of_all_rewards():
    rewards = [0.0, 1.0, 0.0, 1.0, 20.0, 20.0, 21.0, 21.0]
    std = math.sqrt(sum((reward - 10.5) ** 2 for reward in rewards) / 7)
    expected = [value / (std + 1e-4) for value in (-0.5, 0.5, -0.5, 0.5, -0.5, -0.5, 0.5, 0.5)]
    assert advantages("batch_normalized", *rewards) == pytest.approx(expected, rel=1e-6)


def test_mean_only_does_not_divide():
    assert advantages("mean_only", 1.0, 2.0, 2.0, 7.0) == [-2.0, -1.0, -1.0, 4.0]


def test_leave_one_out_subtracts_the_mean_of_the_other_rewards():
    rewards = [0.5, 1.0, -1.0, 4.0]
    expected = [
        reward - sum(other for n, other in enumerate(rewards) if n != position) / 3
        for position, reward in enumerate(rewards)
    ]
    assert advantages("leave_one_out", *rewards) == pytest.approx(expected)


def test_leave_one_out_counts_known_rewards_only():
    assert advantages("leave_one_out", 1.0, NAN, 3.0, NAN) == [-2.0, 0.0, 2.0, 0.0]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_completion_without_a_reward_changes_no_other_advantage(estimator):
    without = advantages(estimator, 0.2, 0.9, 0.4, group_size=3)
    assert advantages(estimator, 0.2, NAN, 0.9, 0.4) == pytest.approx([without[0], 0.0, *without[1:]])


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("rewards", [(NAN, NAN, NAN, NAN), (0.7, NAN, NAN, NAN)])
def test_a_group_with_fewer_than_two_rewards_has_no_advantages(estimator, rewards):
    assert advantages(estimator, *rewards, 1.0, 2.0, 3.0, 4.0)[:4] == [0.0] * 4


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_equal_rewards_have_advantage_0(estimator):
    assert advantages(estimator, 0.1, 0.1, 0.1, 1.0, 2.0, 3.0, group_size=3)[:3] == pytest.approx([0.0] * 3, abs=1e-3)
    assert advantages(estimator, 0.5, 0.5, 0.5, 0.5) == [0.0] * 4


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_order_of_completions_is_kept(estimator):
    rewards = [0.3, 0.1, 0.9, 0.2, 0.4, 0.8, 0.6, 0.5]
    order = [2, 0, 3, 1, 5, 4, 7, 6]
    plain = advantages(estimator, *rewards)
    assert advantages(estimator, *(rewards[n] for n in order)) == pytest.approx([plain[n] for n in order])


SIGN = '''
def sign(rewards):
    """`A[i] = sign(r[i] - mean(r))` within each group."""
    return mean_only(rewards).sign()


'''
USE_SIGN = """
import sys
sys.path.insert(0, {here!r})
import duetbench.training
from importlib.util import module_from_spec, spec_from_file_location
name = "duetbench.training.advantage"
spec = spec_from_file_location(name, {path!r})
sys.modules[name] = module_from_spec(spec)
spec.loader.exec_module(sys.modules[name])
from grpo_runs import grpo
print(grpo(advantage="sign").config.advantage)
import torch
print(sys.modules[name].estimate_advantages(torch.tensor([1.0, 4.0, 5.0, 6.0]), "sign", group_size=4).tolist())
"""


def test_a_new_estimator_is_a_change_of_one_file(tmp_path):
    table = "ESTIMATORS: dict["
    source = Path(str(advantage.__file__)).read_text()
    changed = source.replace(table, SIGN + table, 1).replace(
        '"mean_only": mean_only,', '"mean_only": mean_only, "sign": sign,', 1
    )
    (tmp_path / "advantage.py").write_text(changed)
    code = USE_SIGN.format(here=str(HERE), path=str(tmp_path / "advantage.py"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["sign", "[-1.0, 0.0, 1.0, 1.0]"]


def test_the_option_offers_every_estimator_and_explains_it():
    from duetbench.training.grpo.trainer import Grpo

    (option,) = [option for option in options_of(Grpo.Config) if option.name == "advantage"]
    assert option.type == " | ".join(["preset", *ESTIMATORS])
    assert all(f"{name}: A[i] = " in option.meaning for name in ESTIMATORS)


def test_the_reward_range_requires_two_rewards():
    assert reward_range([None, 0.4]) is None
    assert reward_range([0.1, None, 0.4]) == pytest.approx(0.3)
