from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from builtin_metrics import LARGEST, METRICS

from duetbench.leaderboard import Board, BoardOptions, collect
from duetbench.leaderboard.formats.md import render


def _table(board: Board) -> list[list[str]]:
    lines = [line for line in render(board).splitlines() if line.startswith("|")]
    return [[part.strip() for part in line.replace(r"\|", "/").strip("|").split("|")] for line in lines]


def test_markdown_is_one_table_without_gaps(board: Board) -> None:
    rows = _table(board)
    assert {len(row) for row in rows} == {len(rows[0])}
    assert [row[0] for row in rows[2:]] == ["1", "2", "†", "×"]


def test_coverage_and_metrics_are_columns(board: Board) -> None:
    head = _table(board)[0]
    row = dict(zip(head, _table(board)[4], strict=True))
    assert (row["method"], row["coverage"], row["unread p/r/call"]) == ("10h", "0.937", "0/5/0")
    assert {"MAE", "MAE read.", "RMSE", "Acc", "F1", "F1 weighted"} <= set(head)


def test_a_failed_row_shows_that_it_failed_and_the_notes_why(board: Board) -> None:
    text = render(board)
    assert "| FAILED |" in text
    assert r"× kar (seed 0): EngineError: a \| b c." in text


def test_seeds_show_their_spread(board: Board) -> None:
    row = dict(zip(_table(board)[0], _table(board)[2], strict=True))
    assert row["seeds"] == "2"
    assert "±" in row["MAE"]


def test_a_star_marks_a_certain_difference(cell: Callable, free: Callable, run: Path) -> None:
    cell("a", 0.1, strategy="sure")
    cell("b", 0.6, strategy="unsure")
    free("bias", 0.6)
    rows = {row[1]: row for row in _table(collect([run], METRICS))}
    column = rows["method"].index("Δ MAE to bias")
    assert rows["sure"][column].endswith("]*")
    assert rows["unsure"][column].endswith("]")


def test_a_training_shows_its_budget(cell: Callable, run: Path) -> None:
    cell("a", 0.5, trainer="grpo", budget={"steps": 20, "tokens": 1_234_567, "seconds": 1.0})
    assert "| 20/1.2M |" in render(collect([run], METRICS))


def test_the_heading_names_the_scorer_and_the_notes_its_options(board: Board) -> None:
    lines = render(board).splitlines()
    assert lines[0].endswith("scorer rating_expectation")
    assert "- Scorer of all rows with an LLM: rating_expectation (history_k=10)." in lines


def test_two_sections_never_look_alike(cell: Callable, run: Path) -> None:
    cell("a", 0.5)
    cell("b", 0.5, options={"rating_expectation": {"history_k": 0}})
    lines = [line for line in render(collect([run], METRICS)).splitlines() if line.startswith("###")]
    assert [line.partition("scorer ")[2].partition(" ·")[0] for line in lines] == [
        "rating_expectation (history_k=0)",
        "rating_expectation (history_k=10)",
    ]


def test_a_coverage_just_under_the_floor_does_not_look_like_it(cell: Callable, run: Path) -> None:
    cell("a", 0.5, unread=1)  # 79 of 80: 0.9875
    assert "coverage 0.987\n" in render(collect([run], METRICS, BoardOptions(coverage=0.9876)))


def test_markup_in_names_is_escaped(cell: Callable, run: Path) -> None:
    cell("a", 0.5, strategy="<b>")
    assert r"\<b\>" in render(collect([run], METRICS))


def test_a_metric_of_a_plugin_is_a_column_with_its_title(cell: Callable, run: Path) -> None:
    cell("a", 0.5, metrics=[*METRICS, LARGEST])
    rows = _table(collect([run], [*METRICS, LARGEST]))
    assert rows[0][-5:-3] == ["F1 weighted", "Largest error"]
    assert float(rows[2][-4]) > 1


def test_a_metric_that_a_record_lacks_is_an_empty_cell(cell: Callable, run: Path) -> None:
    cell("a", 0.5)
    board = collect([run], [*METRICS, LARGEST])
    row = dict(zip(_table(board)[0], _table(board)[2], strict=True))
    assert row["Largest error"] == "–"
    assert "- empty where the record was written before the metric was registered: largest" in render(board)
