from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from builtin_metrics import METRICS
from record_making import WITHOUT_LLM, make_cell

from duetbench.leaderboard import Board, BoardOptions, collect
from duetbench.leaderboard.checking import check
from duetbench.leaderboard.columns import columns, notes
from duetbench.leaderboard.formats import render
from duetbench.records import Record, from_json, read_record, to_json, write_record
from duetbench.types import Decision, Prediction

# Label probabilities with mean 3.4, median 3, mode 5, and with mean 4.15, median 4, mode 5.
FLAT, STEEP = (0.1, 0.2, 0.2, 0.2, 0.3), (0.05, 0.05, 0.1, 0.3, 0.5)
VALUES: dict[Decision, tuple[float, float]] = {"mean": (3.4, 4.15), "median": (3.0, 4.0), "mode": (5.0, 5.0)}
TRUTHS = [3, 5, 3, 5]  # of each rule: MAE .625, .5, 1; accuracy rounded 1/2; accuracy of the mode 1/2


def add(run: Path, name: str, rule: Decision | None, truths: Sequence[int] = TRUTHS, **cell: object) -> Path:
    """A cell with predictions by a rule; None: ratings of 4 and 5 without probabilities."""
    pair = (
        (Prediction(4.0), Prediction(5.0))
        if rule is None
        else tuple(Prediction(v, probabilities=p) for v, p in zip(VALUES[rule], (FLAT, STEEP), strict=True))
    )
    n = len(truths)
    return make_cell(run, name, truths, pair * (n // 2), cell={"strategy": name, "limit": n, **cell})


def board_of(run: Path, convention: str = "standard") -> Board:
    return collect([run], METRICS, BoardOptions(convention=convention))


def texts(board: Board) -> dict[str, dict[str, str]]:
    """The text of each column, by strategy and title."""
    (section,) = board.sections
    shown = columns(section, board)
    return {row.name: {column.title: column.text(row) for column in shown} for row in section.rows}


def as_of_an_earlier_version(folder: Path) -> None:
    """Removes what earlier versions did not record, and puts back the accuracy of 0 that they did."""
    values = to_json(read_record(folder))
    metrics = values["metrics"]
    assert metrics.pop("decision") == "mean"
    del metrics["decisions"]
    for population in metrics["over"].values():
        population["accuracy"]["exact_float"] = population["f1_weighted"]["exact_float"] = 0.0
        population["f1"]["exact_float"] = dict.fromkeys(population["f1"]["exact_float"], 0.0)
    write_record(folder, from_json(Record, values))


def test_metrics_are_shown_under_the_declared_and_under_their_own_rule(run: Path) -> None:
    add(run, "duet", "mean")
    row = texts(board_of(run))["duet"]
    assert (row["MAE"], row["MAE (median)"]) == ("0.6250", "0.5000")
    assert (row["Acc"], row["Acc (mode)"]) == ("0.5000", "0.5000")
    assert not {"RMSE (mean)", "F1 (mode)"} & set(row)


def test_a_rule_is_no_column_where_all_rows_are_decided_by_it(run: Path) -> None:
    add(run, "duet", "median")
    assert {"MAE (median)", "RMSE (mean)", "Acc (mode)"} & set(texts(board_of(run))["duet"]) == {
        "RMSE (mean)",
        "Acc (mode)",
    }


def test_rows_without_probabilities_have_a_dash(run: Path) -> None:
    add(run, "duet", "mean")
    add(run, "kar", None)
    assert texts(board_of(run))["kar"]["MAE (median)"] == "–"


def test_a_board_without_probabilities_has_no_such_columns(run: Path) -> None:
    add(run, "kar", None)
    assert not any("(" in title for title in texts(board_of(run))["kar"])


def test_rows_decided_otherwise_name_their_decision(run: Path) -> None:
    add(run, "duet", "mean")
    add(run, "bias", "median", **{**WITHOUT_LLM, "scorer": "ordinal", "options": {"ordinal": {"decision": "median"}}})
    rows = texts(board_of(run))
    assert {name: row["decision"] for name, row in rows.items()} == {"duet": "mean", "ordinal": "median"}
    assert not any(title.endswith(".decision") for row in rows.values() for title in row)


def test_an_expectation_has_no_accuracy_by_equality_of_numbers(run: Path) -> None:
    add(run, "duet", "mean")
    board = board_of(run, "duet")
    row = texts(board)["duet"]
    assert (row["MAE"], row["Acc"], row["F1"], row["F1 weighted"]) == ("0.6250", "–", "–", "–")
    assert row["Acc (mode)"] == "0.5000"
    (note,) = [note for note in notes(board.sections[0]) if "equality" in note and "duet have" in note]
    assert "a mean of labels is almost never exactly a label" in note
    assert "the scorer's option decision (median, mode) or form (median)" in note


def test_what_is_refused_has_no_interval_either(run: Path) -> None:
    truths = [3, 4, 3, 5, 3, 4, 1, 5]  # accuracy of the users under the median: 1, 1/2, 1, 0
    add(run, "duet", "mean", truths)
    add(run, "kar", "median", truths)
    intervals = {row.name: set(row.intervals or {}) for row in board_of(run, "duet").sections[0].rows}
    assert intervals["duet"] == intervals["kar"] - {"accuracy", "f1", "f1_weighted"}
    assert "accuracy" in intervals["kar"]


@pytest.mark.parametrize("rule", ["median", None])
def test_labels_and_answers_as_text_keep_their_exact_accuracy(run: Path, rule: Decision | None) -> None:
    add(run, "duet", rule)
    board = board_of(run, "duet")
    assert texts(board)["duet"]["Acc"] == "0.5000"
    assert not any("almost never" in note for note in notes(board.sections[0]))


def test_the_standard_convention_refuses_nothing(run: Path) -> None:
    add(run, "duet", "mean")
    board = board_of(run)
    assert not any("almost never" in note for note in notes(board.sections[0]))


def test_the_rules_are_averaged_over_seeds(run: Path) -> None:
    add(run, "duet", "mean")
    make_cell(run, "second", TRUTHS, [Prediction(4.15, probabilities=STEEP)] * 4, cell={"seed": 1, "limit": 4})
    (row,) = board_of(run).sections[0].rows
    summary = (row.optimal or {})["mae"]
    assert summary is not None
    assert summary.mean == pytest.approx((0.5 + 1) / 2)


@pytest.mark.parametrize("convention", ["standard", "duet"])
def test_an_earlier_record_is_shown_as_if_it_were_new(run: Path, convention: str) -> None:
    folder = add(run, "duet", "mean")
    expected = texts(board_of(run, convention))
    as_of_an_earlier_version(folder)
    assert texts(board_of(run, convention)) == expected


def test_an_earlier_record_without_predictions_says_what_is_missing(run: Path) -> None:
    folder = add(run, "duet", "mean")
    as_of_an_earlier_version(folder)
    (folder / "predictions.parquet").unlink()
    board = board_of(run)
    assert not any("(" in title for title in texts(board)["duet"])
    assert any(note.startswith("cell duet has no metrics under other decision rules: cannot") for note in board.notes)


def test_records_of_both_versions_agree_with_their_predictions(run: Path) -> None:
    add(run, "kar", "mode")
    as_of_an_earlier_version(add(run, "duet", "mean"))
    report = check([run], METRICS)
    assert (report.n, report.differences) == (2, ())


@pytest.mark.parametrize("part", ["decision", "decisions.mode.readable.mae.raw"])
def test_a_number_changed_under_a_rule_is_found(run: Path, part: str) -> None:
    folder = add(run, "duet", "mean")
    values = to_json(read_record(folder))
    if part == "decision":
        values["metrics"]["decision"] = None
    else:
        values["metrics"]["decisions"]["mode"]["readable"]["mae"]["raw"] = 0.1
    write_record(folder, from_json(Record, values))
    (line,) = check([run], METRICS).differences
    assert f"metrics.{part}: recorded" in line


def test_csv_and_json_hold_the_rules(run: Path) -> None:
    add(run, "duet", "mean")
    add(run, "kar", None)
    board = board_of(run)
    by_name = {row["strategy"]: row for row in csv.DictReader(io.StringIO(render(board, "csv")))}
    assert (by_name["duet"]["decision"], float(by_name["duet"]["mae_median"])) == ("mean", 0.5)
    assert (by_name["kar"]["decision"], by_name["kar"]["mae_median"]) == ("", "")
    rows = {row["name"]: row for row in json.loads(render(board, "json"))["sections"][0]["rows"]}
    assert rows["duet"]["optimal"]["accuracy"]["mean"] == 0.5
    assert rows["kar"]["optimal"] == {}


def test_markdown_has_the_columns_and_their_note(run: Path) -> None:
    add(run, "duet", "mean")
    text = render(board_of(run), "md")
    assert "| MAE (median) |" in text
    assert "MAE (median), Acc (mode): the same label probabilities" in text
