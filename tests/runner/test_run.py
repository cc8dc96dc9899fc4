"""Cells are computed, kept, found again; one that fails takes nothing down."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from grid_making import BASELINES, logged, make_model_folder
from weights_making import WEIGHTS, write_weights

from duetbench.errors import RecordError, TrainingError
from duetbench.interfaces import TrainingJob
from duetbench.plugins import Plugins
from duetbench.records import ErrorRecord, Record, files, read_record
from duetbench.runner import Plan, RunOutcome, run
from duetbench.runner.output.finished import FinishedCells
from duetbench.types import ModelRef

Ran = Callable[..., RunOutcome]
Planned = Callable[..., Plan]


def _record(outcome: RunOutcome, strategy: str) -> Record:
    found = [read_record(path.parent) for path in outcome.folder.glob(f"cells/{strategy}__*/record.json")]
    assert len(found) == 1
    return found[0]


def _cell_files(outcome: RunOutcome, strategy: str) -> Path:
    return next(outcome.folder.glob(f"cells/{strategy}__*"))


def test_every_cell_gets_a_valid_record(ran: Ran) -> None:
    outcome = ran(strategies=("10h", "duet"), limit=5)
    assert outcome.count("done") == 2 + len(BASELINES)
    record = _record(outcome, "duet")
    assert record.metrics is not None
    assert record.usage is not None
    assert (record.metrics.n, record.usage.profiles.prompts) == (5, 5)


def test_a_record_names_every_option_in_force(ran: Ran) -> None:
    options = _record(ran("duet.joint=cross", strategies=("duet",), limit=3), "duet").cell.options
    assert options["duet"]["joint"] == "cross"
    assert {"tiny", "rating_expectation", "logging", "data", "history", "sampling", "evaluation"} <= set(options)


def test_all_cells_predict_the_same_pairs_whatever_their_seed(ran: Ran) -> None:
    outcome = ran(seeds=(0, 1), limit=4)
    records = [read_record(path.parent) for path in outcome.folder.glob("cells/*/record.json")]
    assert len({record.metrics and record.metrics.pairs for record in records}) == 1


def test_questions_answers_and_profiles_are_kept(ran: Ran) -> None:
    folder = _cell_files(ran(strategies=("duet",), limit=3), "duet")
    answers = [json.loads(line) for line in (folder / "answers.jsonl").read_text().splitlines()]
    prompts = pl.read_parquet(folder / "prompts.parquet")
    assert {answer["phase"] for answer in answers} == {"profiles", "ratings"}
    assert {answer["key"] for answer in answers} == set(prompts["key"])
    assert pl.read_parquet(folder / "profiles.parquet")["side"].to_list() == ["user", "item"] * 3


def test_finished_cells_are_not_computed_again(ran: Ran, tmp_path: Path) -> None:
    log = f"logging.log={tmp_path / 'log'}"
    ran(log, limit=4)
    (tmp_path / "store.sqlite").unlink()
    before = logged(tmp_path / "log")
    assert ran(log, limit=4).count("found") == 1 + len(BASELINES)
    assert logged(tmp_path / "log") == before


def test_force_computes_again_and_asks_the_store(ran: Ran, tmp_path: Path) -> None:
    log = f"logging.log={tmp_path / 'log'}"
    ran(log, limit=4)
    asked = logged(tmp_path / "log", "labels")
    assert ran(log, limit=4, force=True).count("done") == 1 + len(BASELINES)
    assert logged(tmp_path / "log", "labels") == asked


def test_a_damaged_result_is_computed_again(ran: Ran) -> None:
    outcome = ran(limit=4, baselines=False)
    (_cell_files(outcome, "10h") / "predictions.parquet").write_bytes(b"")
    assert ran(limit=4, baselines=False).count("done") == 1


def test_other_weights_under_the_same_name_are_noticed(planned: Planned, ran: Ran, model: str) -> None:
    outcome = ran(limit=4, baselines=False)
    cell = planned(limit=4, baselines=False).cells[0]
    assert FinishedCells().contains(cell, outcome.folder / "cells" / cell.folder)
    write_weights(Path(model.removeprefix("path:")) / WEIGHTS, value=1)
    assert not FinishedCells().contains(cell, outcome.folder / "cells" / cell.folder)


def test_one_engine_serves_all_cells_of_a_model(ran: Ran, tmp_path: Path) -> None:
    ran(f"logging.log={tmp_path / 'log'}", strategies=("10h", "duet"), seeds=(0, 1), limit=2)
    assert logged(tmp_path / "log", "loaded") == ["loaded"]


def test_the_same_request_is_computed_once_for_the_whole_grid(ran: Ran, tmp_path: Path) -> None:
    ran(f"logging.log={tmp_path / 'log'}", seeds=(0, 1, 2), limit=4)
    assert len(logged(tmp_path / "log", "labels")) == 4


def test_a_failing_cell_becomes_a_record_and_the_grid_continues(ran: Ran) -> None:
    outcome = ran(strategies=("broken", "10h"), limit=3)
    assert (outcome.count("failed"), outcome.count("done")) == (1, 1 + len(BASELINES))
    assert _record(outcome, "broken").error == ErrorRecord(type="ZeroDivisionError", message="a third-party bug")
    assert "a third-party bug" in (_cell_files(outcome, "broken") / "error.txt").read_text()


def test_a_failed_cell_is_tried_again(ran: Ran) -> None:
    ran(strategies=("broken",), limit=3, baselines=False)
    assert ran(strategies=("broken",), limit=3, baselines=False).count("failed") == 1


def test_an_engine_that_does_not_answer_fails_its_cells_alone(ran: Ran) -> None:
    outcome = ran("logging.dead=true", limit=3)
    assert (outcome.count("failed"), outcome.count("done")) == (1, len(BASELINES))
    assert outcome.failures[0][1] == "the server at nowhere does not answer: start it"


def test_a_scorer_that_forgets_a_request_is_blamed(ran: Ran) -> None:
    outcome = ran(scorers=("short",), limit=3, baselines=False)
    assert outcome.failures[0][1] == "scorer 'short' returned 2 predictions for 3 requests"


def test_cells_that_need_one_training_share_it(ran: Ran, tmp_path: Path) -> None:
    outcome = ran(
        f"counting.log={tmp_path / 'log'}",
        "training.scorer=rating_text",
        strategies=("duet",),
        trainers=("counting",),
        scorers=("rating_text", "rating_expectation"),
        limit=2,
    )
    assert len(logged(tmp_path / "log", "trained duet")) == 1
    records = [read_record(path.parent) for path in outcome.folder.glob("cells/duet__*/record.json")]
    budgets = [record.budget for record in records if record.budget]
    assert [(budget.steps, budget.tokens) for budget in budgets] == [(7, 70), (7, 70)]


def test_seconds_of_the_training_are_recorded_in_the_cell_that_ran_it(ran: Ran) -> None:
    outcome = ran(strategies=("duet",), trainers=("counting",), limit=2)
    records = [read_record(path.parent) for path in outcome.folder.glob("cells/*/record.json")]
    (trained,) = [record for record in records if record.budget]
    assert trained.budget is not None
    assert trained.training_seconds is not None
    assert trained.budget.seconds <= trained.training_seconds <= trained.seconds
    assert trained.evaluation_seconds == trained.seconds - trained.training_seconds
    others = [record for record in records if record.budget is None]
    assert [record.training_seconds for record in others] == [None] * len(BASELINES)
    assert all(record.evaluation_seconds == record.seconds for record in others)


def test_seconds_of_a_training_that_failed_are_recorded(
    ran: Ran, plugins: Plugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit(_trainer: Any, _job: TrainingJob) -> ModelRef:
        raise TrainingError("diverged")

    monkeypatch.setattr(plugins.get("trainer", "counting").cls, "fit", fit)
    outcome = ran(strategies=("duet",), trainers=("counting",), limit=2, baselines=False)
    (path,) = outcome.folder.glob("cells/*/record.json")
    assert read_record(path.parent).training_seconds is not None


def test_each_scorer_in_the_loop_is_a_training_of_its_own(ran: Ran, tmp_path: Path) -> None:
    log = f"counting.log={tmp_path / 'log'}"
    scorers = ("rating_text", "rating_expectation")
    ran(log, strategies=("duet",), trainers=("counting",), scorers=scorers, limit=2)
    assert len(logged(tmp_path / "log", "trained duet")) == 2


def test_the_scorer_in_the_loop_may_ask_a_model_of_its_own(
    ran: Ran, plugins: Plugins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = f"path:{make_model_folder(tmp_path / 'other')}"
    jobs: list[TrainingJob] = []

    def fit(_trainer: Any, job: TrainingJob) -> ModelRef:
        jobs.append(job)
        return job.model

    monkeypatch.setattr(plugins.get("trainer", "counting").cls, "fit", fit)
    grid: dict[str, Any] = {"strategies": ("duet",), "trainers": ("counting",), "limit": 2, "baselines": False}
    ran(**grid)
    outcome = ran(f"training.scorer_model={other}", "training.scorer_engine=logging", "logging.pause=0.001", **grid)
    assert outcome.count("done") == 1
    assert [job.scorer_engine and job.scorer_engine.model.name for job in jobs] == [
        None,
        other,
    ]  # a training of its own
    assert [job.model.name for job in jobs] == [jobs[0].model.name] * 2


def test_training_uses_as_many_examples_as_the_options_allow(ran: Ran, tmp_path: Path) -> None:
    settings = (f"counting.log={tmp_path / 'log'}", "training.examples=5", "training.valid_examples=3")
    ran(*settings, strategies=("duet",), trainers=("counting",), limit=2, baselines=False)
    assert logged(tmp_path / "log", "trained") == ["trained duet 5 3 0"]


def test_a_control_trains_on_ratings_that_were_dealt_out_anew(ran: Ran, tmp_path: Path) -> None:
    for shuffled in ("false", "true"):
        settings = (f"counting.log={tmp_path / shuffled}", f"training.shuffled_ratings={shuffled}")
        ran(*settings, strategies=("duet",), trainers=("counting",), limit=2, baselines=False)
    true, dealt = (json.loads(logged(tmp_path / name, "ratings")[0].split(" ", 1)[1]) for name in ("false", "true"))
    assert true != dealt
    assert sorted(true) == sorted(dealt)
    assert logged(tmp_path / "false", "rows") == logged(tmp_path / "true", "rows")


def test_an_output_folder_in_the_way_of_a_file_is_refused(planned: Planned, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(RecordError, match=r"cannot be written.*choose another with --out"):
        run(planned(), tmp_path / "taken" / "out")


def test_a_full_disk_stops_the_run_and_keeps_what_was_finished(
    planned: Planned, ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "predictions.parquet")

    with monkeypatch.context() as patch:
        patch.setattr("duetbench.runner.output.recording.write_logs", full)
        with pytest.raises(RecordError, match="No space left on device; finished cells are kept"):
            ran(limit=3)
    assert ran(limit=3).count("found") == len(BASELINES)


def test_ctrl_c_leaves_no_half_record(planned: Planned, ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("duetbench.runner.execute.CellExecutor._score", stopped)
        with pytest.raises(KeyboardInterrupt):
            ran(limit=3, baselines=False)
    assert ran(limit=3, baselines=False).count("done") == 1


def test_two_runs_of_one_cell_give_the_same_bytes(planned: Planned, tmp_path: Path) -> None:
    made = planned(strategies=("duet",), limit=4, baselines=False)
    folders = [run(made, tmp_path / name, store=tmp_path / f"{name}.sqlite").folder for name in ("one", "two")]
    one, two = [(folder / "cells" / made.cells[0].folder) for folder in folders]
    assert (one / "predictions.parquet").read_bytes() == (two / "predictions.parquet").read_bytes()
    assert (one / "answers.jsonl").read_bytes() == (two / "answers.jsonl").read_bytes()


def test_what_a_killed_process_left_half_written_goes_away(planned: Planned, ran: Ran) -> None:
    cell = planned(limit=3, baselines=False).cells[0]
    folder = ran(limit=3, baselines=False).folder / "cells" / cell.folder
    (folder / ".predictions.parquet.123").write_bytes(b"half")
    ran(limit=3, baselines=False, force=True)
    assert not list(folder.glob(".*"))


def test_a_forced_cell_that_fails_keeps_its_finished_record(ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: Any) -> None:
        raise ZeroDivisionError("a bug")

    ran(limit=3, baselines=False)
    with monkeypatch.context() as patch:
        patch.setattr("duetbench.runner.execute.CellExecutor._score", broken)
        outcome = ran(limit=3, baselines=False, force=True)
    assert outcome.count("failed") == 1
    assert _record(outcome, "10h").is_done


def test_a_training_gets_the_options_of_the_engine_that_its_weights_run_on(ran: Ran, tmp_path: Path) -> None:
    settings = (f"local_trainer.log={tmp_path / 'log'}", "transformers.batch_tokens=99")
    outcome = ran(*settings, strategies=("duet",), trainers=("local_trainer",), limit=2, baselines=False)
    (line,) = logged(tmp_path / "log", "policy")
    assert "batch_tokens=99" in line
    record = _record(outcome, "duet")
    assert record.cell.options["transformers"]["batch_tokens"] == 99
    assert record.plugins["policy_engine"].name == "transformers"


def test_trained_weights_are_refused_by_an_engine_that_cannot_run_them(
    planned: Planned, plugins: Plugins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from duetbench.errors import ModelError

    def fit(_self: Any, job: TrainingJob) -> ModelRef:
        return replace(job.model, name="trained", digest="other")

    def refuse(_self: Any, model: ModelRef) -> Any:
        raise ModelError(f"{model.name} is not served")

    monkeypatch.setattr(plugins.get("trainer", "counting").cls, "fit", fit)
    monkeypatch.setattr(plugins.get("engine", "logging").cls, "with_model", refuse)
    made = planned(strategies=("duet",), trainers=("counting",), limit=2, baselines=False)
    outcome = run(made, tmp_path / "out", store=tmp_path / "store.sqlite")
    assert _record(outcome, "duet").error.message == "trained is not served"


def test_a_record_states_empty_windows(ran: Ran) -> None:
    settings = ("duet.recent_k=1000", "duet.short_history=skip_profile")
    starved = _record(ran(*settings, strategies=("duet",), limit=6, baselines=False), "duet").profiles
    assert starved is not None
    assert starved.empty_windows is not None
    assert starved.empty_windows > 0.5


def test_without_a_writer_there_are_no_empty_windows(ran: Ran) -> None:
    assert _record(ran(strategies=("10h",), limit=3, baselines=False), "10h").profiles is None


def _by_scorer(outcome: RunOutcome) -> dict[str, Record]:
    records = [read_record(path.parent) for path in outcome.folder.glob("cells/*/record.json")]
    return {record.cell.scorer: record for record in records}


def test_validation_errors_are_recorded_for_scorers_without_a_model(ran: Ran) -> None:
    records = _by_scorer(ran(limit=3))
    assert {name for name, record in records.items() if record.validation} == set(BASELINES)


def test_the_validation_error_is_that_of_all_validation_rows(ran: Ran, planned: Planned) -> None:
    rows = planned().cells[0].data.prepared.interactions
    train, valid = (rows.filter(rows["split"] == split)["rating"] for split in ("train", "valid"))
    recorded = _by_scorer(ran(strategies=(), limit=3))["global_mean"].validation
    assert recorded is not None
    assert recorded.n == valid.len() > 0
    assert recorded.mae == pytest.approx(sum(abs(valid - train.mean())) / valid.len())


def test_a_cell_that_predicts_validation_rows_has_no_validation_error(ran: Ran) -> None:
    records = _by_scorer(ran(strategies=(), split="valid"))
    assert set(records) == set(BASELINES)
    assert [record.validation for record in records.values()] == [None] * len(BASELINES)


def test_each_model_is_loaded_once_for_the_whole_grid(ran: Ran, model: str, tmp_path: Path) -> None:
    other = f"path:{make_model_folder(tmp_path / 'another')}"
    write_weights(tmp_path / "another" / WEIGHTS, value=7)
    grid: dict[str, Any] = {"strategies": ("10h", "duet"), "scorers": ("rating_text", "rating_expectation")}
    ran(f"logging.log={tmp_path / 'log'}", models=(model, other), seeds=(0, 1), limit=3, **grid)
    assert len(logged(tmp_path / "log", "loaded")) == 2


def test_a_finished_grid_reads_each_record_twice_and_computes_nothing(
    ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = f"logging.log={tmp_path / 'log'}"
    n_cells = len(ran(log, limit=3, seeds=(0, 1)).states)
    (tmp_path / "log").unlink()
    readings: list[Path] = []
    load = files.load_json
    monkeypatch.setattr(files, "load_json", lambda path: (readings.append(path), load(path))[1])
    outcome = ran(log, limit=3, seeds=(0, 1))
    assert outcome.count("found") == n_cells
    assert len(readings) == 2 * n_cells  # whether it is finished, and for the leaderboard
    assert logged(tmp_path / "log") == []
    assert outcome.times.requests == 0


def test_examples_of_a_dataset_are_built_once(ran: Ran, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import duetbench.data

    built: list[str] = []
    build = duetbench.data.build_examples

    def counted(prepared: Any, split: Any, *args: Any, **kwargs: Any) -> Any:
        built.append(split)
        return build(prepared, split, *args, **kwargs)

    monkeypatch.setattr(duetbench.data, "build_examples", counted)
    ran(strategies=("10h", "picky"), seeds=tuple(range(6)), limit=3, baselines=False)
    assert built == ["test"]


def test_the_time_of_a_run_is_the_sum_of_its_parts(ran: Ran) -> None:
    times = ran(strategies=("picky",), trainers=("counting",), limit=3).times
    assert times.training > 0
    assert times.seconds == pytest.approx(times.training + times.engine + times.elsewhere + times.other)
    assert {phase for _, _, phase in times.work} == {"profiles", "ratings"}


def test_requests_answered_from_the_store_are_not_computed(ran: Ran) -> None:
    computed = ran(limit=4, baselines=False).times.requests
    assert computed == 4
    assert ran(limit=4, baselines=False, force=True).times.requests == 0
