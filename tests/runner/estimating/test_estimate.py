"""What a plan says before anything is computed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from grid_making import BASELINES

from duetbench.runner import Plan, RunOutcome
from duetbench.runner.estimate import estimate

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
    import duetbench.runner.estimate as module

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
