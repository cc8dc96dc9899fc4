"""Which cells share a job."""

from __future__ import annotations

from collections.abc import Callable

from duetbench.cluster.grouping import independent_groups
from duetbench.runner import Plan, RunConfig

Configured = Callable[..., RunConfig]
Planned = Callable[[RunConfig], Plan]


def test_scorers_of_the_same_profiles_share_a_job(config: Configured, planned: Planned) -> None:
    plan = planned(config(strategies=("10h", "duet"), scorers=("rating_text", "rating_expectation")))
    assert [len(group) for group in independent_groups(plan.cells)] == [2, 2]


def test_cells_without_a_model_share_a_job(config: Configured, planned: Planned) -> None:
    groups = independent_groups(planned(config(baselines=True)).cells)
    assert [{cell.writing is None for cell in group} for group in groups] == [{True}, {False}]


def test_a_training_and_the_untrained_writer_are_two_jobs(config: Configured, planned: Planned) -> None:
    plan = planned(config(strategies=("duet",), trainers=("none", "counting")))
    assert [len(group) for group in independent_groups(plan.cells)] == [1, 1]


def test_seeds_share_a_job_only_if_the_profiles_are_greedy(config: Configured, planned: Planned) -> None:
    greedy = planned(config(strategies=("duet",), seeds=(0, 1)))
    sampled = planned(config("sampling.temperature=0.7", strategies=("duet",), seeds=(0, 1)))
    assert [len(independent_groups(plan.cells)) for plan in (greedy, sampled)] == [1, 2]


def test_a_control_is_in_the_job_of_its_row(config: Configured, planned: Planned) -> None:
    plan = planned(config(strategies=("duet",), controls=("shuffled_user",)))
    (group,) = independent_groups(plan.cells)
    assert [cell.control.name if cell.control else None for cell in group] == [None, "shuffled_user"]


def test_every_cell_is_in_one_group(config: Configured, planned: Planned) -> None:
    plan = planned(config(strategies=("10h", "duet"), trainers=("none", "counting"), seeds=(0, 1), baselines=True))
    ids = [cell.id for group in independent_groups(plan.cells) for cell in group]
    assert sorted(ids) == sorted(cell.id for cell in plan.cells)
