from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from builtin_metrics import LARGEST, METRICS
from record_making import WITHOUT_LLM, make_cell

from duetbench.evaluation.statistics import Interval
from duetbench.evaluation.statistics.power import NeededSample
from duetbench.leaderboard import collect
from duetbench.leaderboard.board import BoardRow, BoardSection, PairComparison
from duetbench.leaderboard.columns import notes
from duetbench.leaderboard.comparison_text import needed_text
from duetbench.leaderboard.formats import render


def _section(run: Path) -> BoardSection:
    (section,) = collect([run], METRICS).sections
    return section


def _row(section: BoardSection, name: str) -> BoardRow:
    (found,) = [row for row in section.rows if row.name == name]
    return found


def _few_users(run: Path, n: int) -> BoardSection:
    truths = [5.0, 4.0] * n
    make_cell(run, "duet", truths, truths)
    make_cell(
        run,
        "bias",
        truths,
        [1 + 0.1 * (row // 2) for row in range(2 * n)],
        cell=WITHOUT_LLM | {"scorer": "bias", "options": {}},
    )
    return _section(run)


def test_three_users_have_no_p_value_and_no_star(run: Path) -> None:
    section = _few_users(run, 3)
    difference = (_row(section, "duet").differences or {})["mae"]
    assert difference.interval.high < 0
    assert (difference.p, difference.p_holm, difference.is_significant) == (None, None, False)
    assert "No star and no p-value with fewer than 6 users: 3 users are too few." in notes(section)


def test_six_users_have_the_p_value_of_the_exact_test(run: Path) -> None:
    difference = (_row(_few_users(run, 6), "duet").differences or {})["mae"]
    assert difference.p == 2.0**-5
    assert difference.is_significant


def test_seeds_that_differ_widen_the_interval(cell: Callable, free: Callable, run: Path) -> None:
    for seed, spread in enumerate((0.1, 1.0, 2.0)):
        cell(f"varied-{seed}", spread, strategy="varied", seed=seed)
        cell(f"steady-{seed}", 1.0, strategy="steady", seed=seed)
    free("bias", 1.0)
    section = _section(run)
    varied, steady = (_width(_row(section, name)) for name in ("varied", "steady"))
    assert varied > 3 * steady


def _width(row: BoardRow) -> float:
    interval = (row.differences or {})["mae"].interval
    return interval.high - interval.low


def test_a_training_with_one_seed_is_this_checkpoint_only(cell: Callable, run: Path) -> None:
    cell("a", 0.5, trainer="grpo")
    cell("b", 0.5)
    section = _section(run)
    assert [row.is_one_checkpoint for row in section.rows] == [row.name == "duet+grpo" for row in section.rows]
    assert any(note.startswith("§ This checkpoint only: duet+grpo trained with one seed") for note in notes(section))


def test_a_training_with_two_seeds_is_not(cell: Callable, run: Path) -> None:
    cell("a", 0.5, trainer="grpo", seed=0)
    cell("b", 0.6, trainer="grpo", seed=1)
    assert not any("checkpoint" in note for note in notes(_section(run)))


def test_boards_print_what_could_be_detected_and_what_is_needed(cell: Callable, run: Path) -> None:
    cell("a", 0.6, strategy="one", seed_of_values=3)
    cell("b", 0.6, strategy="two", seed_of_values=4)
    section = _section(run)
    (pair,) = section.pairs
    assert not pair.is_told_apart
    assert pair.minimum_detectable > abs(pair.difference.estimate)
    assert any(note.startswith("Minimum detectable difference of MAE (80 % power") for note in notes(section))
    assert any("more users" in note and "Cannot be told apart by MAE: " in note for note in notes(section))


def test_pairs_that_are_told_apart_need_nothing(cell: Callable, run: Path) -> None:
    cell("a", 0.1, strategy="one")
    cell("b", 3.0, strategy="two")
    (pair,) = _section(run).pairs
    assert (pair.row, pair.other, pair.is_told_apart, pair.needed) == ("one", "two", True, None)


@pytest.mark.parametrize(
    ("needed", "text"),
    [
        (NeededSample(1200, None, False), "needs about 1,200 more users"),
        (NeededSample(40, 6, False), "needs about 40 more users or 6 more seeds per row"),
        (NeededSample(40, 6, True), "needs about 40 more users and 6 more seeds per row"),
        (NeededSample(None, None, False), "cannot be told apart at any realistic size"),
    ],
)
def test_needed_samples_are_text(needed: NeededSample, text: str) -> None:
    pair = PairComparison("a", "b", Interval(-0.1, -0.2, 0.0), False, 0.1, 0.1, needed)
    assert needed_text(pair) == text


def test_rank_intervals_and_pairs_are_exported(cell: Callable, free: Callable, run: Path) -> None:
    cell("a", 0.6, strategy="one", seed_of_values=3)
    cell("b", 0.6, strategy="two", seed_of_values=4)
    free("bias", 3.0)
    board = collect([run], METRICS)
    content = json.loads(render(board, "json"))["sections"][0]
    assert [row["ranks"] for row in content["rows"]] == [{"best": 1, "worst": 2}] * 2 + [{"best": 3, "worst": 3}]
    assert set(content["comparisons"][0]) == {
        *("row", "other", "difference", "is_told_apart", "minimum_detectable", "minimum_detectable_adjusted", "needed"),
        "needs_seeds",
    }
    assert content["pairs"] == board.sections[0].key.pairs
    assert "| 1-2 |" in render(board, "md")
    header, first, *_ = render(board, "csv").splitlines()
    fields = dict(zip(header.split(","), first.split(","), strict=True))
    assert (fields["rank_best"], fields["rank_worst"], fields["users_needed"]) == ("1", "2", "7")
    assert float(fields["rmse_delta_low"]) < float(fields["rmse_delta"]) < float(fields["rmse_delta_high"])


def test_a_metric_that_is_far_from_a_mean_has_no_interval(cell: Callable, free: Callable, run: Path) -> None:
    metrics = [*METRICS, LARGEST]
    cell("a", 0.5, metrics=metrics)
    free("bias", 1.0)
    (section,) = collect([run], metrics).sections
    assert "largest" not in (_row(section, "duet").intervals or {})
    assert any(note.startswith("no intervals, stars and gains of Largest error: ") for note in section.notes)


def test_users_and_items_crossed_are_wider_than_users_alone(run: Path) -> None:
    rng = np.random.default_rng(0)
    truths = list(rng.choice([1.0, 2, 3, 4, 5], size=80))
    by_item = np.tile(rng.normal(0, 0.8, 8), 10)  # the same eight items for every user
    predicted = list(np.clip(np.array(truths) + by_item, 1, 5))
    widths = []
    for name, items in (("apart", [f"i{row}" for row in range(80)]), ("shared", [f"i{row % 8}" for row in range(80)])):
        folder = make_cell(run / name, "duet", truths, predicted, pairs_per_user=8, items=items)
        interval = (_section(folder.parent.parent).rows[0].intervals or {})["mae"]
        widths.append(interval.high - interval.low)
    assert widths[1] > 1.5 * widths[0]
