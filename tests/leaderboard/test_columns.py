from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from builtin_metrics import METRICS
from record_making import make_record

from duetbench.leaderboard import BoardOptions, collect
from duetbench.leaderboard.columns import columns, counted, headings, notes, short_count
from duetbench.leaderboard.formats import render
from duetbench.records import write_record


def test_what_applies_to_no_row_is_no_column(cell: Callable, run: Path) -> None:
    cell("a", 0.5)
    board = collect([run], METRICS)
    titles = [column.title for column in columns(board.sections[0], board)]
    assert not {"budget", "seeds", "unread p/r/call", "MAE read."} & set(titles)
    assert not any(title.startswith("Δ") for title in titles)


@pytest.mark.parametrize(("number", "text"), [(0, "0"), (999, "999"), (1234, "1.2k"), (56_789, "57k"), (2.5e6, "2.5M")])
def test_counts_are_short(number: float, text: str) -> None:
    assert short_count(number) == text


def starved(cell: Callable, share: float | None) -> None:
    statuses = {"ok": 6, "unreadable": 0, "truncated": 0, "refused": 0, "empty": 0, "error": 0}
    cell("a", 0.5, profiles={"asked": 6, "readable": 6, "statuses": statuses, "empty_windows": share})


@pytest.mark.parametrize(("share", "is_shown"), [(None, False), (0.0, False), (0.03, True)])
def test_empty_windows_are_a_column_if_there_are_any(
    cell: Callable, run: Path, share: float | None, is_shown: bool
) -> None:
    starved(cell, share)
    board = collect([run], METRICS)
    texts = {column.title: column.text for column in columns(board.sections[0], board)}
    assert ("empty windows" in texts) is is_shown
    assert not is_shown or texts["empty windows"](board.sections[0].rows[0]) == "3.0 %"


@pytest.mark.parametrize(("share", "is_noted"), [(0.05, False), (0.06, True)])
def test_many_empty_windows_are_noted(cell: Callable, run: Path, share: float, is_noted: bool) -> None:
    starved(cell, share)
    (section,) = collect([run], METRICS).sections
    assert any("the writer sees nothing of a user" in note for note in notes(section)) is is_noted


def test_no_empty_windows_are_a_note(cell: Callable, run: Path) -> None:
    starved(cell, 0.0)
    (section,) = collect([run], METRICS).sections
    assert any(note.startswith("Empty windows: 0 % of the requests") for note in notes(section))


def test_unmeasured_windows_are_no_note(cell: Callable, run: Path) -> None:
    starved(cell, None)
    (section,) = collect([run], METRICS).sections
    assert not any("windows" in note for note in notes(section))


def _titles(run: Path, **options: Any) -> list[str]:
    board = collect([run], METRICS, BoardOptions(**options))
    return [column.title for column in columns(board.sections[0], board)]


def test_what_all_rows_share_is_in_the_heading_and_no_column(cell: Callable, run: Path) -> None:
    cell("a", 0.5, trainer="sft", seed=0)
    cell("b", 0.4, strategy="kar", trainer="sft", seed=0)
    assert not {"trainer", "scorer", "convention", "n", "coverage"} & set(_titles(run))
    (heading,) = headings(collect([run], METRICS))
    assert "80 pairs of 40 users" in heading
    assert heading.endswith("trainer sft · coverage 1.000")


def test_what_rows_do_not_share_is_a_column(cell: Callable, run: Path) -> None:
    cell("a", 0.5, trainer="sft")
    cell("b", 0.4, unread=1, scorer="rating_text", options={})
    assert {"trainer", "scorer", "coverage"} <= set(_titles(run, mix=("scorer",)))


def test_differences_are_those_of_the_ranking_metric(cell: Callable, free: Callable, run: Path) -> None:
    cell("a", 0.5)
    free("bias", 1.0)
    names = {"": ["MAE"], "rmse": ["MAE", "RMSE"]}
    for sort, shown in names.items():
        titles = _titles(run, sort=sort or "mae")
        assert [title for title in titles if title.startswith("Δ")] == [f"Δ {name} to bias" for name in shown]
    every = [title for title in _titles(run, all_differences=True) if title.startswith("Δ")]
    assert {f"Δ {name} to bias" for name in ("MAE", "RMSE", "Acc")} <= set(every)


def test_seconds_of_trainings_and_evaluations_are_columns_where_rows_are_trained(cell: Callable, run: Path) -> None:
    cell("a", 0.5)
    assert _titles(run)[-1] == "seconds"
    cell("b", 0.4, trainer="sft", budget={"steps": 2, "tokens": 5, "seconds": 2.5}, training_seconds=2.25)
    assert _titles(run)[-2:] == ["training seconds", "evaluation seconds"]
    board = collect([run], METRICS)
    shown = columns(board.sections[0], board)[-2:]
    texts = {row.name: [column.text(row) for column in shown] for row in board.sections[0].rows}
    assert texts == {"duet": ["–", "3.0"], "duet+sft": ["2.5", "0.8"]}


def test_options_of_a_control_are_no_column(cell: Callable, run: Path) -> None:
    cell("a", 0.5, options={"duet": {"cue": True}})
    for name, k in (("b", 2), ("c", 20)):
        cell(name, 0.5, control="raw", options={"duet": {"cue": k == 2}, "raw": {"scorer.history_k": k}})
    titles = _titles(run)
    assert "duet.cue" in titles
    assert not any(title.startswith("raw.") for title in titles)


@pytest.mark.parametrize(("n", "text"), [(0, "0 pairs"), (1, "1 pair"), (2, "2 pairs")])
def test_one_is_singular(n: int, text: str) -> None:
    assert counted(n, "pair") == text


def _control(cell: Callable, **measures: float) -> None:
    statuses = {"ok": 6, "unreadable": 0, "truncated": 0, "refused": 0, "empty": 0, "error": 0}
    cell("a", 0.5)
    profiles = {"asked": 6, "readable": 6, "statuses": statuses, "extra": measures}
    cell("b", 0.5, control="shuffled_item", profiles=profiles)


@pytest.mark.parametrize(("share", "is_noted"), [(0.33, True), (0.9, False)])
def test_a_control_that_changes_few_prompts_is_noted(cell: Callable, run: Path, share: float, is_noted: bool) -> None:
    _control(cell, changed_prompts=share)
    (section,) = collect([run], METRICS).sections
    expected = "Changed only a share of the prompts: duet (shuffled_item) 33 %."
    assert (expected in notes(section)) is is_noted


@pytest.mark.parametrize(("tokens", "is_noted"), [(9.0, True), (10.0, False)])
def test_evidence_that_is_much_shorter_than_profiles_is_noted(
    cell: Callable, run: Path, tokens: float, is_noted: bool
) -> None:
    _control(cell, evidence_tokens=tokens, profile_tokens=20.0)
    (section,) = collect([run], METRICS).sections
    expected = "Tokens of raw evidence, for those of profiles: duet (shuffled_item) 9 for 20."
    assert (expected in notes(section)) is is_noted


def test_a_control_that_failed_is_counted_and_named(cell: Callable, run: Path) -> None:
    cell("a", 0.1)
    cell("b", 0.6, strategy="10h", control="no_profile", seed_of_values=3)
    failed = make_record(cell_id="x", cell={"limit": 80, "control": "shuffled_item"}, error="it broke", dataset=None)
    write_record(run / "cells" / "x", failed)
    board = collect([run], METRICS)
    (section,) = board.sections
    texts = {column.title: column.text(section.rows[0]) for column in columns(section, board)}
    assert texts["MAE gain over controls"].endswith("(no_profile, 1 of 2)")
    assert "Controls that the gain leaves out: duet: shuffled_item (failed)." in notes(section)
    header, first, *_ = render(board, "csv").splitlines()
    fields = dict(zip(header.split(","), first.split(","), strict=True))
    assert (fields["mae_gain_n_controls"], fields["absent_controls"]) == ("1", "shuffled_item: failed")
