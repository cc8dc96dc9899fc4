from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from builtin_metrics import METRICS

from duetbench.leaderboard import BoardOptions, collect
from duetbench.leaderboard.board import BoardSection
from duetbench.records import ValidationRecord, read_record, write_record


@pytest.fixture
def validated(free: Callable) -> Callable[[str, float, float], None]:
    """Adds a row without an LLM with a validation error: `validated("bias", 0.8, 0.5)`."""

    def add(scorer: str, spread: float, mae: float) -> None:
        folder = free(scorer, spread)
        write_record(folder, replace(read_record(folder), validation=ValidationRecord(n=50, mae=mae)))

    return add


def _section(run: Path, **options: str) -> BoardSection:
    (section,) = collect([run], METRICS, BoardOptions(**options)).sections  # type: ignore[arg-type]
    return section


def test_baseline_is_chosen_by_validation_and_never_by_test_error(
    cell: Callable, validated: Callable, run: Path
) -> None:
    cell("a", 0.5)
    validated("lucky_on_test", 0.1, 0.6)
    validated("best_on_validation", 1.0, 0.4)
    section = _section(run)
    assert section.baseline == "best_on_validation"
    assert section.baseline_note == (
        "baseline best_on_validation: smallest MAE on validation rows of 2 rows without an LLM"
    )


def test_rows_without_validation_errors_are_no_candidates(
    cell: Callable, free: Callable, validated: Callable, run: Path
) -> None:
    cell("a", 0.5)
    free("bias", 0.1)
    validated("ridge", 1.0, 0.4)
    section = _section(run)
    assert section.baseline == "ridge"
    assert "; 1 other has no validation error" in section.baseline_note


def test_bias_is_the_default_however_others_do_on_test(cell: Callable, free: Callable, run: Path) -> None:
    cell("a", 0.5)
    free("item_mean", 0.1)
    free("bias", 1.0)
    section = _section(run)
    assert section.baseline == "bias"
    assert "the default, since no validation errors are recorded" in section.baseline_note


def test_a_board_of_validation_rows_says_that_its_baseline_is_the_default(
    cell: Callable, free: Callable, run: Path
) -> None:
    cell("a", 0.5, split="valid")
    free("item_mean", 0.1, split="valid")
    free("bias", 1.0, split="valid")
    assert _section(run).baseline_note == (
        "baseline bias: the default, since a board of validation rows has no other errors to choose by"
    )


def test_the_only_row_without_an_llm_is_no_choice(cell: Callable, free: Callable, run: Path) -> None:
    cell("a", 0.5)
    free("global_mean", 1.0)
    assert _section(run).baseline_note == "baseline global_mean: the only row without an LLM"


def test_without_validation_and_default_nothing_is_compared(cell: Callable, free: Callable, run: Path) -> None:
    cell("a", 0.5)
    free("global_mean", 1.0)
    free("item_mean", 0.9)
    section = _section(run)
    assert section.baseline == ""
    assert "no ranked rows are named bias; declare a baseline" in section.baseline_note
    assert all(not row.differences for row in section.rows)


def test_a_declared_baseline_is_named_as_such(cell: Callable, validated: Callable, run: Path) -> None:
    cell("a", 0.5)
    validated("bias", 1.0, 0.5)
    assert _section(run, baseline="duet").baseline_note == "baseline duet: as declared"
