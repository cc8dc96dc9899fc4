from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builtin_metrics import LARGEST, METRICS
from record_making import make_record

from duetbench.errors import ConfigError, UnknownName
from duetbench.evaluation import Convention
from duetbench.evaluation.statistics import holm
from duetbench.leaderboard import BoardOptions, collect
from duetbench.leaderboard.board import FAILED, LOW, RANKED, UNPAIRED, BoardRow, BoardSection
from duetbench.leaderboard.paired_values import PairedValues, paired_values
from duetbench.leaderboard.read_results import CellResult
from duetbench.records import read_record, to_json, write_record


def only(run: Path, **options: object) -> BoardSection:
    (section,) = collect([run], METRICS, BoardOptions(**options)).sections  # type: ignore[arg-type]
    return section


def metric(folder: Path, population: str, name: str, variant: str) -> float:
    """A number of the record in a folder."""
    metrics = read_record(folder).metrics
    assert metrics is not None
    value = metrics.over[population].values[name][variant]
    assert isinstance(value, float)
    return value


def row(section: BoardSection, name: str) -> BoardRow:
    (found,) = [row for row in section.rows if row.name == name]
    return found


def ranks_of(run: Path, **options: object) -> dict[str, tuple[int, int]]:
    return {row.name: (row.ranks.best, row.ranks.worst) for row in only(run, **options).rows if row.ranks}


def test_rows_are_ranked_by_mae_and_separated_by_paired_intervals(cell: Callable, free: Callable, run: Path) -> None:
    cell("a", 0.1, strategy="good")
    cell("b", 0.6, strategy="fair", seed_of_values=3)
    cell("c", 0.6, strategy="alike", seed_of_values=4)
    free("global_mean", 3.0)
    assert ranks_of(run) == {"good": (1, 1), "fair": (2, 3), "alike": (2, 3), "global_mean": (4, 4)}


def test_differences_are_to_the_baseline_for_every_metric(cell: Callable, free: Callable, run: Path) -> None:
    cell("a", 0.1)
    free("bias", 1.0)
    section = only(run)
    differences = row(section, "duet").differences or {}
    assert section.baseline == "bias"
    assert row(section, "bias").differences == {}
    assert list(differences) == [metric.name for metric in METRICS if metric.name != "f1"]
    assert any(
        note.startswith("no intervals, stars and gains of F1: the sample is too small") for note in section.notes
    )
    for name, difference in differences.items():
        values = [(row(section, of).values or {})[name].mean for of in ("duet", "bias")]  # type: ignore[union-attr]
        assert difference.interval.estimate == pytest.approx(values[0] - values[1])
    assert differences["mae"].interval.high < 0


def _mae(section: BoardSection, name: str) -> float:
    spread = (row(section, name).values or {})["mae"]
    assert spread is not None
    return spread.mean


def test_a_baseline_can_be_named(cell: Callable, free: Callable, run: Path) -> None:
    cell("a", 0.1)
    cell("b", 0.3, trainer="grpo")
    free("bias", 1.0)
    section = only(run, baseline="duet+grpo")
    assert section.baseline == "duet+grpo"
    assert "mae" in (row(section, "bias").differences or {})


def test_an_unknown_baseline_gets_the_nearest_row(cell: Callable, run: Path) -> None:
    cell("a", 0.1)
    with pytest.raises(UnknownName, match="did you mean 'duet'"):
        collect([run], METRICS, BoardOptions(baseline="deut"))


def test_a_baseline_that_fits_two_rows_compares_nothing_and_says_so(cell: Callable, run: Path) -> None:
    cell("a", 0.1)
    cell("b", 0.3, options={"duet": {"joint": "cross"}, "rating_expectation": {"history_k": 10}})
    section = only(run, baseline="duet")
    assert section.baseline_note == "2 rows are named duet: nothing is compared"
    assert section.baseline == ""


def test_without_a_row_without_an_llm_nothing_is_compared(cell: Callable, run: Path) -> None:
    cell("a", 0.1)
    assert only(run).rows[0].differences == {}


def test_p_values_are_adjusted_for_the_number_of_rows(cell: Callable, free: Callable, run: Path) -> None:
    cell("a", 0.1)
    cell("b", 0.2, strategy="kar")
    free("bias", 1.5)
    differences = [(row(only(run), name).differences or {})["mae"] for name in ("duet", "kar")]
    p_values = [difference.p or 0.0 for difference in differences]
    assert [difference.p_holm for difference in differences] == pytest.approx(holm(p_values))
    assert min(p_values) > 0


def test_seeds_are_averaged_with_their_deviation(cell: Callable, run: Path) -> None:
    folders = [cell(f"s{seed}", 0.5, seed=seed, seed_of_values=10 + seed) for seed in (2, 0, 1)]
    maes = [metric(folder, "train_mean", "mae", "raw") for folder in folders]
    (found,) = only(run).rows
    spread = (found.values or {})["mae"]
    assert found.seeds == (0, 1, 2)
    assert spread is not None
    assert (spread.mean, spread.sd) == pytest.approx((statistics.fmean(maes), statistics.stdev(maes)))
    assert found.intervals is not None
    assert found.intervals["mae"].estimate == pytest.approx(spread.mean)


def test_one_seed_has_no_deviation(cell: Callable, run: Path) -> None:
    cell("a", 0.5)
    spread = (only(run).rows[0].values or {})["mae"]
    assert spread is not None
    assert spread.sd is None


def test_a_row_under_the_coverage_is_marked_and_not_ranked(cell: Callable, run: Path) -> None:
    cell("a", 0.5)
    cell("b", 0.1, strategy="kar", unread=2)
    found = row(only(run), "kar")
    assert (found.state, found.ranks, found.reason) == (LOW, None, "coverage below 0.98")
    assert found.values is not None
    assert ranks_of(run, coverage=0.975)["kar"] == (1, 1)


def test_one_seed_under_the_coverage_is_enough(cell: Callable, run: Path) -> None:
    cell("a", 0.5, seed=0)
    cell("b", 0.5, seed=1, unread=20, seed_of_values=2)
    (found,) = only(run).rows
    assert (found.state, found.coverage) == (LOW, 0.75)


def test_values_are_over_all_and_over_the_readable(cell: Callable, run: Path) -> None:
    folder = cell("a", 0.5, unread=20)
    (found,) = only(run).rows
    assert found.values is not None
    assert found.readable is not None
    assert found.values["mae"].mean == metric(folder, "train_mean", "mae", "raw")  # type: ignore[union-attr]
    assert found.readable["mae"].mean == metric(folder, "readable", "mae", "raw")  # type: ignore[union-attr]


def test_nothing_readable_has_no_readable_values(cell: Callable, run: Path) -> None:
    cell("a", 0.5, unread=80)
    (found,) = only(run).rows
    assert (found.coverage, (found.readable or {})["mae"]) == (0.0, None)


def test_a_row_without_predictions_is_shown_and_not_ranked(cell: Callable, run: Path) -> None:
    (cell("a", 0.5) / "predictions.parquet").unlink()
    (found,) = only(run).rows
    assert (found.state, found.ranks) == (UNPAIRED, None)
    assert "cannot read predictions" in found.reason


def test_predictions_of_other_pairs_are_not_used(cell: Callable, run: Path) -> None:
    import polars as pl

    path = cell("a", 0.5) / "predictions.parquet"
    pl.read_parquet(path)[:50].write_parquet(path)
    assert "has 50 rows, but its record has n = 80" in only(run).rows[0].reason


def test_a_failed_cell_is_the_last_row_with_its_reason(cell: Callable, run: Path) -> None:
    cell("a", 0.5)
    record = make_record(cell_id="x", cell={"strategy": "kar", "limit": 80}, error="it broke", dataset=None)
    write_record(run / "cells" / "x", record)
    last = only(run).rows[-1]
    assert (last.name, last.state, last.reason, last.values) == ("kar", FAILED, "EngineError: it broke", None)


def test_every_differing_setting_is_named(cell: Callable, run: Path) -> None:
    options = {"duet": {"joint": "cross", "cue": False}, "rating_expectation": {"history_k": 10}}
    cell("a", 0.5)
    cell("b", 0.4, options=options)
    assert only(run).differing == ("duet.joint", "duet.cue")


def test_another_convention_reads_the_same_records(cell: Callable, run: Path) -> None:
    folder = cell("a", 0.5, unread=1)
    section = only(run, convention="duet")
    values = section.rows[0].values or {}
    assert section.fill == "official"
    assert values["mae"].mean == metric(folder, "official", "mae", "raw")  # type: ignore[union-attr]
    assert values["accuracy"].mean == metric(folder, "official", "accuracy", "exact_float")  # type: ignore[union-attr]


def test_records_of_different_fills_are_read_with_one(cell: Callable, run: Path) -> None:
    cell("a", 0.5)
    record = read_record(cell("b", 0.4, strategy="kar", unread=1))
    assert record.metrics is not None
    write_record(run / "cells" / "b", replace(record, metrics=replace(record.metrics, fill="worst")))
    section = only(run)
    assert section.fill == "train_mean"
    assert "records declare different fills (train_mean, worst); all are read with train_mean" in section.notes


def test_mixed_scorers_say_so(cell: Callable, run: Path) -> None:
    cell("a", 0.5)
    cell("b", 0.4, scorer="rating_text", options={})
    assert len(collect([run], METRICS).sections) == 2
    assert "rows of more than one scorer share this ranking, as requested" in only(run, mix=("scorer",)).notes


def test_cells_without_pairs_make_a_board_without_numbers(run: Path) -> None:
    write_record(run / "cells" / "a", make_record())
    (found,) = only(run).rows
    assert (found.n, found.coverage, (found.values or {})["mae"], found.ranks) == (0, None, None, None)


def test_costs_are_sums_over_writing_and_scoring(cell: Callable, run: Path) -> None:
    cell("a", 0.5, budget={"steps": 20, "tokens": 500, "seconds": 1.0})
    costs = only(run).rows[0].costs
    assert (costs.prompt_tokens, costs.completion_tokens, costs.calls, costs.cached) == (1200, 60, 8, 4)
    assert (costs.budget_steps, costs.budget_tokens) == (20, 500)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (3.0, None, 3.0)),
        ({"budget": {"steps": 2, "tokens": 5, "seconds": 2.5}, "training_seconds": 2.25}, (3.0, 2.5, 0.75)),
        ({"budget": {"steps": 2, "tokens": 5, "seconds": 9.0}, "training_seconds": 0.0}, (3.0, 9.0, 3.0)),
        ({"budget": {"steps": 2, "tokens": 5, "seconds": 2.5}}, (3.0, 2.5, None)),
    ],
    ids=["untrained", "trained here", "trained by another cell", "of an earlier version"],
)
def test_seconds_of_training_and_of_evaluation_are_apart(
    cell: Callable, run: Path, changes: dict[str, Any], expected: tuple[float | None, ...]
) -> None:
    cell("a", 0.5, **changes)
    costs = only(run).rows[0].costs
    assert (costs.seconds, costs.training_seconds, costs.evaluation_seconds) == expected


def test_seconds_of_evaluation_are_a_mean_over_seeds_unless_one_is_unknown(cell: Callable, run: Path) -> None:
    budget = {"steps": 2, "tokens": 5, "seconds": 2.0}
    cell("a", 0.5, trainer="sft", seed=0, budget=budget, training_seconds=2.0)
    cell("b", 0.5, trainer="sft", seed=1, budget=budget, training_seconds=1.0)
    assert only(run).rows[0].costs.evaluation_seconds == 1.5
    cell("c", 0.5, trainer="sft", seed=2, budget=budget)
    assert only(run).rows[0].costs.evaluation_seconds is None


def test_the_same_records_are_the_same_board(cell: Callable, free: Callable, run: Path) -> None:
    cell("a", 0.5)
    free("bias", 1.0)
    assert only(run) == only(run)
    assert only(run).rows[0].state == RANKED


def test_pairs_are_matched_by_request_and_not_by_row(cell: Callable, free: Callable, run: Path) -> None:
    import polars as pl

    folder = cell("a", 0.5)
    free("bias", 1.0)
    before = only(run)
    path = folder / "predictions.parquet"
    pl.read_parquet(path).reverse().write_parquet(path)
    assert row(only(run), "duet").differences == row(before, "duet").differences


@pytest.mark.parametrize("name", ["standard", "duet", "three_class"])
def test_intervals_are_of_the_mae_that_is_shown(cell: Callable, run: Path, name: str) -> None:
    cell("a", 0.5, unread=1)
    (found,) = only(run, convention=name).rows
    assert found.intervals is not None
    assert found.intervals["mae"].estimate == pytest.approx(found.values["mae"].mean)  # type: ignore[index, union-attr]


def test_errors_follow_the_value_that_the_convention_takes(cell: Callable, run: Path) -> None:
    folder = cell("a", 0.5)
    convention = Convention("rounded", "", error="rounded_half_up")
    values = paired_values([CellResult(read_record(folder), folder)], METRICS[:1], convention, "train_mean")
    assert isinstance(values, PairedValues)
    assert set(values.values["mae"][0]) <= {0.0, 1.0, 2.0, 3.0, 4.0}


def test_bad_options_are_named() -> None:
    with pytest.raises(ConfigError, match=r"coverage: .* got 98; mix: .* got 'seed'"):
        BoardOptions(coverage=98, mix=("seed",))
    with pytest.raises(UnknownName, match="did you mean 'standard'"):
        BoardOptions(convention="standart")


def _names(section: BoardSection) -> list[str]:
    return [row.name for row in section.rows]


def test_rows_are_sorted_by_a_metric_in_its_direction(cell: Callable, run: Path) -> None:
    cell("a", 0.1, strategy="good")
    cell("b", 0.5, strategy="fair", seed_of_values=3)
    cell("c", 0.5, strategy="poor", seed_of_values=4)
    for name, sign in (("rmse", 1), ("accuracy", -1), ("f1_weighted", -1)):
        section = only(run, sort=name)
        values = {row.name: (row.values or {})[name].mean for row in section.rows}  # type: ignore[union-attr]
        assert _names(section) == sorted(values, key=lambda row: sign * values[row])
        assert any(note.startswith("rows are in the order of ") for note in section.notes)


def test_ranks_are_those_of_mae_however_rows_are_sorted(cell: Callable, free: Callable, run: Path) -> None:
    cell("a", 0.1, strategy="good")
    free("global_mean", 3.0)
    ranks = ranks_of(run, sort="accuracy")
    assert ranks == ranks_of(run) == {"good": (1, 1), "global_mean": (2, 2)}
    assert not any(note.startswith("rows are in the order of ") for note in only(run).notes)


def test_rows_without_a_value_of_the_metric_come_last(cell: Callable, run: Path) -> None:
    largest = [*METRICS, LARGEST]
    cell("a", 0.1, strategy="old")
    cell("b", 0.9, strategy="new", metrics=largest)
    (section,) = collect([run], largest, BoardOptions(sort="largest")).sections
    assert _names(section) == ["new", "old"]


def test_an_unknown_metric_to_sort_by_gets_the_nearest_one(cell: Callable, run: Path) -> None:
    cell("a", 0.1)
    with pytest.raises(UnknownName, match="no metric named 'acuracy'; did you mean 'accuracy'"):
        only(run, sort="acuracy")


def test_a_metric_that_is_no_longer_registered_is_shown_under_its_name(cell: Callable, run: Path) -> None:
    folder = cell("a", 0.5, metrics=[*METRICS, LARGEST])
    board = collect([run], METRICS)
    (found,) = board.sections[0].rows
    assert (board.metrics[-1].name, board.metrics[-1].lower_is_better) == ("largest", None)
    recorded = to_json(read_record(folder))["metrics"]["over"]["train_mean"]["largest"]["raw"]
    assert found.values["largest"].mean == recorded  # type: ignore[index, union-attr]
    assert "metric largest is in the records, but no metric of that name is registered" in board.notes[0]


def test_records_from_before_the_weighted_f1_show_it(run: Path) -> None:
    record = read_record(Path(__file__).parents[1] / "records" / "v1-done.json")
    write_record(run / "cells" / "old", record)
    (found,) = only(run).rows
    stored = to_json(record)["metrics"]["over"]["train_mean"]["f1"]["rounded_half_up"]["weighted"]
    assert found.values["f1_weighted"].mean == stored  # type: ignore[index, union-attr]


def test_a_board_without_the_ranking_metric_is_a_board(cell: Callable, run: Path) -> None:
    cell("a", 0.5, metrics=METRICS[1:])
    (section,) = collect([run], METRICS[1:]).sections
    assert section.rows[0].ranks is None
    assert "mae" not in (section.rows[0].values or {})
