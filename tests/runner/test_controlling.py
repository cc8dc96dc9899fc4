"""Control rows are computed from the profiles of their row, recorded and ranked beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from grid_making import logged

from duetbench.errors import NotApplicable, PluginError
from duetbench.interfaces import ControlledInput
from duetbench.leaderboard import collect
from duetbench.plugins import Plugins
from duetbench.records import Record, read_record
from duetbench.runner import Plan, RunOutcome
from duetbench.runner.controlling import CHARS_PER_TOKEN, apply_control, token_counter
from duetbench.runner.estimating.estimate import estimate
from duetbench.runner.output.restore import restore
from duetbench.runner.planning.cells import Cell
from duetbench.testing import DummyEngine, dummy_model
from duetbench.types import Profile, Profiles, Request

Ran = Callable[..., RunOutcome]
Planned = Callable[..., Plan]
GRID: dict[str, Any] = {"strategies": ("duet",), "limit": 20, "baselines": False}
CONTROLS = {"averages_only", "no_profile", "raw_evidence", "raw_evidence_full"}
CONTROLS |= {f"shuffled_{side}" for side in ("user", "item", "both")}


def records(outcome: RunOutcome) -> dict[str | None, Record]:
    found = [read_record(path.parent) for path in outcome.folder.glob("cells/*/record.json")]
    return {record.cell.control: record for record in found}


def folder_of(outcome: RunOutcome, control: str) -> Path:
    return next(outcome.folder.glob(f"cells/*__{control}"))


def texts(folder: Path, side: str) -> dict[str, str]:
    table = pl.read_parquet(folder / "profiles.parquet").filter(pl.col("side") == side)
    return dict(zip(table["request_id"], table["text"], strict=True))


@pytest.fixture
def outcome(ran: Ran, tmp_path: Path) -> RunOutcome:
    return ran(f"logging.log={tmp_path / 'log'}", "duet.joint=cross", **GRID, controls=True)


def test_every_control_has_a_record(outcome: RunOutcome) -> None:
    assert outcome.failures == []
    found = records(outcome)
    assert set(found) == CONTROLS | {None}
    assert {record.metrics.pairs for record in found.values() if record.metrics} == {found[None].metrics.pairs}  # type: ignore[union-attr]


def test_no_profile_is_generated_again(outcome: RunOutcome, tmp_path: Path) -> None:
    """Each of the writer's prompts is computed once, although five rows read the profiles."""
    generated = logged(tmp_path / "log", "text")
    assert len(generated) == len(set(generated)) > 0
    shuffled = records(outcome)["shuffled_user"].usage
    assert shuffled is not None
    assert (shuffled.profiles.calls, shuffled.profiles.cached) == (0, shuffled.profiles.prompts)


def test_a_control_that_is_added_later_reuses_the_profiles(ran: Ran, tmp_path: Path) -> None:
    log = f"logging.log={tmp_path / 'log'}"
    ran(log, **GRID)
    before = logged(tmp_path / "log", "text")
    added = ran(log, **GRID, controls=("shuffled_both",))
    assert (added.count("done"), added.count("found")) == (1, 1)
    assert logged(tmp_path / "log", "text") == before


def test_rows_that_need_no_profile_write_none(outcome: RunOutcome) -> None:
    for name in ("raw_evidence_full", "averages_only", "no_profile"):
        usage = records(outcome)[name].usage
        assert usage is not None
        assert usage.profiles.prompts == 0


def test_profiles_are_recorded_as_the_scorer_read_them(outcome: RunOutcome) -> None:
    own = next(path for path in outcome.folder.glob("cells/duet*") if read_record(path).cell.control is None)
    written, read = texts(own, "user"), texts(folder_of(outcome, "shuffled_user"), "user")
    assert set(written) == set(read)
    assert all(written[name] != read[name] for name in written)
    assert texts(own, "item") == texts(folder_of(outcome, "shuffled_user"), "item")


def test_the_record_names_what_the_control_changed(outcome: RunOutcome) -> None:
    record = records(outcome)["raw_evidence"]
    assert record.cell.options["raw_evidence"]["scorer.show_averages"] is True
    assert record.cell.options["rating_expectation"]["show_averages"] is False
    assert record.plugins["control"].name == "raw_evidence"  # type: ignore[union-attr]
    assert record.profiles is not None
    extra = record.profiles.extra
    assert 0 < float(extra["evidence_tokens"] or 0) <= float(extra["profile_tokens"] or 0)


def test_controls_are_rows_of_the_same_section(outcome: RunOutcome, plugins: Plugins) -> None:
    board = collect([outcome.folder], plugins.metrics())
    (section,) = board.sections
    assert {row.facts.get("control") for row in section.rows} == CONTROLS | {None}
    assert {"duet", "duet (shuffled_user)", "10h (no_profile)"} <= {row.name for row in section.rows}
    assert "control" in section.differing


def test_profiles_of_a_run_with_controls_can_be_exported(outcome: RunOutcome, plugins: Plugins) -> None:
    assert restore(outcome.folder, plugins).record.cell.control is None
    control = folder_of(outcome, "shuffled_user")
    assert restore(control, plugins).record.cell.control == "shuffled_user"


def test_finished_controls_are_not_computed_again(ran: Ran) -> None:
    ran(**GRID, controls=True)
    assert ran(**GRID, controls=True).count("found") == 8


def test_the_plan_estimates_controls(planned: Planned) -> None:
    made = planned(**GRID, controls=True)
    numbers = {
        cell.control.name if cell.control else "": expected
        for cell, expected in zip(made.cells, estimate(made).cells, strict=True)
    }
    assert numbers["averages_only"].prompt_tokens < numbers["no_profile"].prompt_tokens < numbers[""].prompt_tokens


def test_the_plan_of_an_impossible_control_can_be_shown(planned: Planned) -> None:
    made = planned(**{**GRID, "limit": 1}, controls=("shuffled_user",))
    assert [expected.examples for expected in estimate(made).cells] == [1, 1]


def test_one_user_cannot_be_shuffled_so_the_row_is_left_out_and_its_record_says_why(ran: Ran) -> None:
    outcome = ran("tiny.users=1", "data.steps=dedupe,sort,split_count:0.6/0.2/0.2", **GRID, controls=("shuffled_user",))
    reason = "shuffling needs at least two different users or items, got 1: predict more rows"
    assert ([each for _, each in outcome.left_out], outcome.failures) == ([reason], [])
    error = records(outcome)["shuffled_user"].error
    assert error is not None
    assert (error.type, error.message) == ("NotApplicable", reason)
    assert (outcome.count("left out"), outcome.count("failed")) == (1, 0)


def test_evidence_that_adds_nothing_is_noted_in_the_plan(planned: Planned) -> None:
    made = planned(**{**GRID, "strategies": ("kar",)}, controls=("raw_evidence_full",))
    assert [cell.control for cell in made.cells] == [None]
    assert any("so this is the row without a profile" in note for note in made.notes)


def control_cell(planned: Planned, name: str) -> Cell:
    return next(cell for cell in planned(**GRID, controls=(name,)).cells if cell.control)


def requests_of(cell: Cell) -> list[Request]:
    from duetbench.runner.examples import Examples

    return [example.request for example in Examples().of_cell(cell)]


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        (
            lambda requests, profiles: ([replace(each, item_history=()) for each in requests], profiles),
            NotApplicable,
            "scorer 'rating_expectation' show nothing of what control 'shuffled_user' changes: they are the same as",
        ),
        (lambda requests, profiles: (requests[1:], profiles[1:]), PluginError, "must return each of the 11 requests"),
        (
            lambda requests, profiles: (requests, [Profiles(failed="empty") for _ in profiles]),
            PluginError,
            "changed for which requests the profiles failed",
        ),
    ],
)
def test_a_control_that_the_scorer_does_not_show_or_with_a_wrong_result_is_refused(
    planned: Planned, monkeypatch: pytest.MonkeyPatch, changed: Any, error: type[Exception], message: str
) -> None:
    cell = control_cell(planned, "shuffled_user")
    assert cell.control is not None

    def apply(_self: object, requests: Sequence[Request], profiles: Sequence[Profiles], _: object) -> ControlledInput:
        return ControlledInput(*changed(requests, profiles))

    monkeypatch.setattr(cell.control.choice.registered.cls, "apply", apply)
    requests = requests_of(cell)
    with pytest.raises(error, match=message):
        apply_control(cell, requests, [Profiles() for _ in requests], len)


def test_a_control_of_unreadable_profiles_does_not_apply(planned: Planned) -> None:
    cell = control_cell(planned, "shuffled_user")
    requests = requests_of(cell)
    with pytest.raises(NotApplicable, match="there is no readable user profile to exchange"):
        apply_control(cell, requests, [Profiles(failed="unreadable") for _ in requests], len)


def test_equal_profiles_can_be_shuffled_and_the_share_of_changed_prompts_says_so(planned: Planned) -> None:
    cell = control_cell(planned, "shuffled_user")
    requests = requests_of(cell)
    same = [Profiles(Profile("user", "Likes all.")) for _ in requests]
    assert apply_control(cell, requests, same, len).measures == {"changed_prompts": 0.0}
    own = [Profiles(Profile("user", f"Likes {request.user_id}.")) for request in requests]
    assert apply_control(cell, requests, own, len).measures == {"changed_prompts": 1.0}


def test_tokens_are_counted_by_the_engine() -> None:
    assert token_counter(DummyEngine(), [])("one two three") == 3


def test_without_a_tokenizer_the_length_of_completions_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    from duetbench.profiling import ParsedCompletion

    engine = DummyEngine(model=dummy_model())
    monkeypatch.setattr(engine, "count_tokens", lambda text: None)
    assert token_counter(engine, [])("x" * 40) == 40 / CHARS_PER_TOKEN
    answer = ParsedCompletion("k", "s", "user", "x" * 30, "ok", (), (0,), 0, 10, 0, False)
    assert token_counter(engine, [answer])("x" * 60) == 20


def test_best_of_n_trains_with_the_tokens_of_its_reference(ran: Ran, plugins: Plugins, tmp_path: Path) -> None:
    plugins.get("trainer", "counting").cls.uses_token_budget = True  # type: ignore[attr-defined]
    log = tmp_path / "log"
    settings = ("best_of_n.trainer=counting", "best_of_n.replaces=local_trainer", f"counting.log={log}")
    outcome = ran(*settings, **GRID, trainers=("local_trainer",), controls=("best_of_n",))
    reason = "has generated no token, so its control has none to use"
    assert [reason in text for _, text in outcome.failures] == [True]  # this trainer reports no budget
    settings = ("best_of_n.trainer=counting", "best_of_n.replaces=counting", f"counting.log={log}")
    outcome = ran(*settings, **GRID, trainers=("counting",), controls=("best_of_n",))
    assert outcome.failures == []
    done = [read_record(path) for path in outcome.folder.glob("cells/*__best_of_n")]
    (record,) = [record for record in done if record.is_done]
    assert record.cell.options["best_of_n"]["in_place_of"].startswith("counting ")
    assert logged(log, "budget") == ["budget None", "budget 70"]
    assert json.loads((outcome.folder / "plan.json").read_text())["cells"][-1]["control"]["reference"]
