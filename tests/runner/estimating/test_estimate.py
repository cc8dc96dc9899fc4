"""What a plan says before anything is computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from grid_making import BASELINES

from duetbench.runner import Plan, RunOutcome
from duetbench.runner.estimating.estimate import estimate
from duetbench.runner.estimating.prompt_counts import PromptCounter
from duetbench.runner.planning.cells import Cell, WriterSpec
from duetbench.types import Request

Planned = Callable[..., Plan]


def test_the_estimate_of_10h_is_what_the_run_asks(planned: Planned, ran: Callable[..., RunOutcome]) -> None:
    made = planned(limit=6, baselines=False)
    outcome = ran(limit=6, baselines=False)
    lines = next(outcome.folder.glob("cells/10h__*/answers.jsonl")).read_text().splitlines()
    assert estimate(made).total.prompts == len(lines)


def test_profiles_are_counted_before_they_are_written(planned: Planned, ran: Callable[..., RunOutcome]) -> None:
    made = planned(strategies=("duet",), limit=6, baselines=False)
    outcome = ran(strategies=("duet",), limit=6, baselines=False)
    lines = next(outcome.folder.glob("cells/duet__*/answers.jsonl")).read_text().splitlines()
    assert estimate(made).total.prompts == len(lines) == 12


def test_a_prompt_that_cells_share_counts_once(planned: Planned) -> None:
    one, two = (estimate(planned(seeds=seeds, limit=6, baselines=False)) for seeds in ((0,), (0, 1)))
    assert len(two.cells) == 2
    assert two.total.prompts == one.total.prompts


def test_finished_cells_are_not_to_do(planned: Planned, ran: Callable[..., RunOutcome]) -> None:
    folder = ran(limit=3, baselines=False).folder
    found = estimate(planned(limit=3, strategies=("10h", "duet"), baselines=False), folder)
    assert [cell.is_finished for cell in found.cells] == [True, False]
    assert found.total.prompts == found.cells[1].prompts


def test_scorers_without_a_model_ask_nothing(planned: Planned, tmp_path: Path) -> None:
    found = estimate(planned(strategies=(), limit=3), tmp_path / "not there")
    assert found.total.prompts == 0
    assert len(found.cells) == len(BASELINES)


def test_many_requests_are_scaled_up(planned: Planned, monkeypatch: object) -> None:
    import duetbench.runner.estimating.estimate as module

    whole = estimate(planned(limit=8, baselines=False))
    monkeypatch.setattr(module, "SAMPLE", 4)  # type: ignore[attr-defined]
    scaled = estimate(planned(limit=8, baselines=False))
    assert scaled.total.is_scaled
    assert scaled.total.prompts == whole.total.prompts == 8


def test_the_plan_states_empty_windows(planned: Planned) -> None:
    settings = ("lg.recent_k=1000", "lg.short_history=skip_profile")
    (starved,) = estimate(planned(*settings, strategies=("lg",), limit=6, baselines=False)).cells
    (fed,) = estimate(planned("lg.recent_k=1000", strategies=("lg",), limit=6, baselines=False)).cells
    assert starved.empty_windows is not None
    assert starved.empty_windows > 0.5
    assert fed.empty_windows == 0.0


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of requests of each rendering."""
    sizes: list[int] = []
    count = PromptCounter.count

    def counted(self: PromptCounter, cell: Cell, writing: WriterSpec, requests: Sequence[Request]) -> None:
        sizes.append(len(requests))
        count(self, cell, writing, requests)

    monkeypatch.setattr(PromptCounter, "count", counted)
    return sizes


def test_cells_with_the_same_prompts_are_rendered_once(planned: Planned, rendered: list[int]) -> None:
    made = planned(strategies=("duet",), seeds=tuple(range(20)), limit=4, baselines=False)
    assert len(estimate(made).cells) == 20
    assert rendered == [4]


def test_many_combinations_share_one_sample(planned: Planned, rendered: list[int], monkeypatch: object) -> None:
    import duetbench.runner.estimating.estimate as module

    monkeypatch.setattr(module, "MIN_SAMPLE", 2)  # type: ignore[attr-defined]
    made = planned(strategies=("10h", "duet"), limit=8, baselines=False)
    estimate(made, sample=6)
    assert rendered == [3, 3]


def test_the_profiles_of_each_trained_writer_count(planned: Planned) -> None:
    grid: dict[str, Any] = {"strategies": ("picky",), "trainers": ("counting",), "limit": 6, "baselines": False}
    one, three = (estimate(planned(seeds=seeds, **grid)).total.prompts for seeds in ((0,), (0, 1, 2)))
    assert three == 3 * one


def test_sampled_profiles_of_each_seed_count(planned: Planned) -> None:
    grid: dict[str, Any] = {"strategies": ("picky",), "limit": 6, "baselines": False}
    greedy, sampled = (
        {work.phase: work.prompts for work in estimate(planned(*settings, seeds=(0, 1), **grid)).work}
        for settings in ((), ("sampling.temperature=0.5",))
    )
    assert sampled["profiles"] == 2 * greedy["profiles"]


def test_a_sample_counts_the_profiles_of_users_by_their_histories(
    planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = planned(strategies=("picky",), baselines=False)
    (whole,) = (work for work in estimate(made).work if work.phase == "profiles")
    monkeypatch.setattr("duetbench.runner.estimating.estimate.SAMPLE", 5)
    (part,) = (work for work in estimate(made).work if work.phase == "profiles")
    assert part.is_scaled
    assert part.prompts == whole.prompts < made.cells[0].data.prepared.steps[-1].splits["test"]
