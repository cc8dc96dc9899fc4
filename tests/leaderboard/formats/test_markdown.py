from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from record_making import make_record

from duetbench.leaderboard import BoardOptions, collect
from duetbench.leaderboard.formats.markdown import columns, short
from duetbench.leaderboard.formats.tables import CSV_COLUMNS
from duetbench.records import write_record


@pytest.fixture
def board(cell: Callable, free: Callable, run: Path):  # type: ignore[no-untyped-def]
    cell("duet-0", 0.3, seed=0)
    cell("duet-1", 0.3, seed=1, seed_of_values=5)
    cell("tenh", 0.5, strategy="10h", unread=5)
    free("bias", 1.2)
    failed = make_record(cell_id="kar", cell={"strategy": "kar", "limit": 80}, error="a | b\nc", dataset=None)
    write_record(run / "cells" / "kar", failed)
    return collect([run], BoardOptions(resamples=200))


def _table(board) -> list[list[str]]:  # type: ignore[no-untyped-def]
    lines = [line for line in board.to_markdown().splitlines() if line.startswith("|")]
    return [[part.strip() for part in line.replace(r"\|", "/").strip("|").split("|")] for line in lines]


def test_markdown_is_one_whole_table(board) -> None:  # type: ignore[no-untyped-def]
    rows = _table(board)
    assert {len(row) for row in rows} == {len(rows[0])}
    assert [row[0] for row in rows[2:]] == ["1", "2", "†", "×"]


def test_coverage_stands_beside_the_metrics(board) -> None:  # type: ignore[no-untyped-def]
    head = _table(board)[0]
    row = dict(zip(head, _table(board)[4], strict=True))
    assert (row["strategy"], row["coverage"], row["unread p/r/call"]) == ("10h", "0.937", "0/5/0")
    assert {"MAE", "MAE read.", "RMSE", "Acc", "F1", "F1 weighted", "convention", "scorer", "n"} <= set(head)


def test_a_failed_row_shows_its_kind_of_error_and_the_notes_the_rest(board) -> None:  # type: ignore[no-untyped-def]
    text = board.to_markdown()
    assert "FAILED(EngineError)" in text
    assert r"× kar (seed 0): EngineError: a \| b c." in text


def test_seeds_show_their_spread(board) -> None:  # type: ignore[no-untyped-def]
    row = dict(zip(_table(board)[0], _table(board)[2], strict=True))
    assert row["seeds"] == "2"
    assert "±" in row["MAE"]


def test_a_star_marks_a_certain_difference(cell: Callable, free: Callable, run: Path) -> None:
    cell("a", 0.1, strategy="sure")
    cell("b", 0.6, strategy="unsure")
    free("bias", 0.6)
    rows = {row[1]: row for row in _table(collect([run]))}
    place = rows["strategy"].index("Δ MAE to bias")
    assert rows["sure"][place].endswith("]*")
    assert rows["unsure"][place].endswith("]")


def test_what_applies_to_no_row_is_no_column(cell: Callable, run: Path) -> None:
    cell("a", 0.5)
    (section,) = collect([run]).sections
    titles = [column.title for column in columns(section)]
    assert not {"budget", "seeds", "unread p/r/call", "MAE read."} & set(titles)
    assert not any(title.startswith("Δ") for title in titles)


def test_a_training_shows_its_budget(cell: Callable, run: Path) -> None:
    cell("a", 0.5, trainer="grpo", budget={"steps": 20, "tokens": 1_234_567, "seconds": 1.0})
    assert "| 20 steps, 1.2M tokens |" in collect([run]).to_markdown()


def test_the_heading_names_the_scorer_and_the_notes_its_options(board) -> None:  # type: ignore[no-untyped-def]
    lines = board.to_markdown().splitlines()
    assert lines[0].endswith("scorer rating_expectation")
    assert "- Scorer of all rows with an LLM: rating_expectation (history_k=10)." in lines


def test_two_sections_never_look_alike(cell: Callable, run: Path) -> None:
    cell("a", 0.5)
    cell("b", 0.5, options={"rating_expectation": {"history_k": 0}})
    lines = [line for line in collect([run]).to_markdown().splitlines() if line.startswith("###")]
    assert [line.partition("scorer ")[2].partition(" ·")[0] for line in lines] == [
        "rating_expectation (history_k=0)",
        "rating_expectation (history_k=10)",
    ]


def test_csv_has_the_same_columns_on_every_board(board) -> None:  # type: ignore[no-untyped-def]
    rows = list(csv.DictReader(io.StringIO(board.to_csv())))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert [row["state"] for row in rows] == ["ranked", "ranked", "low coverage", "failed"]
    assert (rows[0]["seeds"], rows[0]["baseline"], rows[3]["mae"], rows[3]["reason"]) == (
        "0 1",
        "bias",
        "",
        "EngineError: a | b\nc",
    )


def test_csv_names_the_settings_in_which_rows_differ(cell: Callable, run: Path) -> None:
    cell("a", 0.5)
    cell("b", 0.4, options={"duet": {"joint": "cross", "cue": True}, "rating_expectation": {"history_k": 10}})
    rows = csv.DictReader(io.StringIO(collect([run]).to_csv()))
    assert {row["settings"] for row in rows} == {"duet.joint=paired", "duet.joint=cross"}


def test_json_holds_every_number_unrounded(board) -> None:  # type: ignore[no-untyped-def]
    (section,) = json.loads(board.to_json())["sections"]
    row = section["rows"][0]
    assert row["values"]["mae"]["mean"] == board.sections[0].rows[0].values["mae"].mean
    assert (row["rank"], row["seeds"], section["baseline"]) == (1, [0, 1], "bias")
    assert section["rows"][3]["values"] is None


def test_every_format_is_the_same_twice(board, run: Path) -> None:  # type: ignore[no-untyped-def]
    again = collect([run], BoardOptions(resamples=200))
    for form in ("to_markdown", "to_csv", "to_json"):
        assert getattr(again, form)() == getattr(board, form)()


def test_a_coverage_just_under_the_floor_does_not_look_like_it(cell: Callable, run: Path) -> None:
    cell("a", 0.5, unread=1)  # 79 of 80: 0.9875
    assert "| 0.987 |" in collect([run], BoardOptions(coverage=0.9876)).to_markdown()


def test_markup_in_names_is_escaped(cell: Callable, run: Path) -> None:
    cell("a", 0.5, strategy="<b>")
    assert r"\<b\>" in collect([run]).to_markdown()


@pytest.mark.parametrize(("number", "text"), [(0, "0"), (999, "999"), (1234, "1.2k"), (56_789, "57k"), (2.5e6, "2.5M")])
def test_counts_are_short(number: float, text: str) -> None:
    assert short(number) == text
