"""What two runs differ in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from builtin_metrics import METRICS
from run_making import add_cell

from duetbench.runs.difference import SettingDifference, compare_runs

Runs = Callable[..., tuple[Path, Path]]


def test_equal_runs_do_not_differ(two_runs: Runs) -> None:
    assert compare_runs(*two_runs(), METRICS).is_empty


def test_settings_differ_with_both_values(two_runs: Runs) -> None:
    options = {"duet": {"joint": "cross", "cue": True}, "rating_expectation": {"history_k": 10}}
    difference = compare_runs(*two_runs(cell={"options": options}, duetbench="0.2.0"), METRICS)
    assert difference.settings == (
        SettingDifference("duet.joint", "paired", "cross", 1),
        SettingDifference("duetbench", "0.1.0", "0.2.0", 1),
    )


def test_an_option_that_only_one_run_has_is_empty_in_the_other(two_runs: Runs) -> None:
    options = {"duet": {"joint": "paired"}, "rating_expectation": {"history_k": 10, "average": True}}
    settings = compare_runs(*two_runs(cell={"options": options}), METRICS).settings
    assert {each.name: (each.first, each.second) for each in settings} == {
        "duet.cue": ("true", ""),
        "rating_expectation.average": ("", "true"),
    }


def test_results_of_the_same_pairs_are_compared(two_runs: Runs) -> None:
    difference = compare_runs(*two_runs(values=[5.0, 4.0, 3.0, 1.0, 5.0, 3.5]), METRICS)
    (result,) = difference.results
    assert result.cell == "duet · toy · test · toy-lm · rating_expectation · seed 0"
    assert result.has_same_pairs
    assert result.first is not None
    assert result.second is not None
    assert (result.first["mae"], result.second["mae"]) == (0.25, 0.25)
    assert (result.first["rmse"], result.second["rmse"]) == (pytest.approx(0.125**0.5), pytest.approx(0.375**0.5))
    assert not result.is_equal


def test_results_of_other_pairs_are_not_the_same(two_runs: Runs) -> None:
    (result,) = compare_runs(*two_runs(truths=(5, 4, 3, 1, 5, 3)), METRICS).results
    assert not result.has_same_pairs
    assert not result.is_equal


def test_cells_of_one_run_only_are_named(two_runs: Runs) -> None:
    difference = compare_runs(*two_runs(cell={"strategy": "kar"}), METRICS)
    assert difference.only_first == ("duet · toy · test · toy-lm · rating_expectation · seed 0",)
    assert difference.only_second == ("kar · toy · test · toy-lm · rating_expectation · seed 0",)
    assert difference.results == ()


def test_cells_that_their_names_do_not_tell_apart_are_matched_by_id(two_runs: Runs) -> None:
    first, second = two_runs()
    other = {"options": {"duet": {"joint": "cross"}}}
    for folder in (first, second):
        add_cell(folder, "same", cell=other)
    difference = compare_runs(first, second, METRICS)
    assert [result.cell[-6:] for result in difference.results] == ["[same]"]
    assert [name[-3:] for name in (*difference.only_first, *difference.only_second)] == ["[a]", "[b]"]


def test_a_cell_without_a_namesake_in_its_run_is_matched_by_id_with_one_that_has(two_runs: Runs) -> None:
    first, second = two_runs()
    add_cell(second, "a", cell={"options": {"duet": {"joint": "cross"}}})
    assert [result.cell[-3:] for result in compare_runs(first, second, METRICS).results] == ["[a]"]


def test_a_damaged_record_is_a_fault(two_runs: Runs) -> None:
    first, second = two_runs()
    add_cell(second, "x", cell={"strategy": "kar"})
    (second / "cells" / "x" / "record.json").write_text("[1]")
    difference = compare_runs(first, second, METRICS)
    assert len(difference.faults) == 1
    assert not difference.is_empty
