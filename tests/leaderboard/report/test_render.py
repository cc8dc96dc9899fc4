"""The report of a board: what it shows, and that it stays small."""

import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from builtin_metrics import METRICS
from log_making import add_logs
from record_making import make_record

from duetbench.leaderboard import BoardOptions, collect
from duetbench.leaderboard.formats import render
from duetbench.leaderboard.report.breakdown import reliability
from duetbench.leaderboard.report.charts import Axis, curve
from duetbench.leaderboard.report.cost import frontier
from duetbench.records import write_record


@pytest.fixture
def html(cell: Callable, free: Callable, run: Path) -> str:
    add_logs(cell("duet-0", 0.3), [f"test:{row}" for row in range(80)])
    cell("tenh", 0.5, strategy="10h", unread=5)
    free("bias", 1.2)
    failed = make_record(cell_id="kar", cell={"strategy": "kar", "limit": 80}, error="<b>broken</b>", dataset=None)
    write_record(run / "cells" / "kar", failed)
    return render(collect([run], METRICS), "html")


def test_each_row_is_in_the_table_without_javascript(html: str) -> None:
    body = html[: html.index("<script type=")]
    for name in ("duet", "10h", "bias", "kar"):
        assert re.search(rf"<th scope=\"row\">(<button[^>]*>)?{name}", body)


def test_messages_are_escaped(html: str) -> None:
    assert "<b>broken" not in html
    assert "&lt;b&gt;broken" in html


def test_the_pairs_of_a_row_show_profiles_with_shared_phrases(html: str) -> None:
    assert html.count("<template id=") == 3
    assert '<mark class="m0">funk rock</mark>' in html


def test_metrics_are_there_under_each_convention(html: str) -> None:
    assert '"switched": {"duet": {"0": {' in html
    assert '"three_class"' in html


def test_pairs_are_divided_by_user_and_true_rating(html: str) -> None:
    captions = re.findall(r"<caption>([^<]+)", html[: html.index("<template")])
    assert captions == ["True rating"]  # users of this board have no history


def test_values_of_another_convention_are_those_of_a_board_under_it(cell: Callable, run: Path) -> None:
    cell("duet-0", 0.3, unread=5)
    standard, other = (collect([run], METRICS, BoardOptions(name)) for name in ("standard", "three_class"))
    value = other.sections[0].rows[0].values["f1"].mean
    assert f'["{value:.4f}"]' in render(standard, "html")


def test_400_rows_of_40_columns_take_at_most_a_megabyte(cell: Callable, run: Path) -> None:
    from large_board import large_board

    text = render(large_board(cell, run), "html")
    assert len(re.findall("<tr id=", text)) == 400
    assert len(re.findall('<th scope="col"[^>]*aria-sort', text)) >= 40
    assert len(text.encode()) <= 1_000_000


def test_frontier_keeps_what_no_point_undercuts_in_both() -> None:
    assert frontier([(3, 0.5), (1, 0.9), (2, 1.0), (2, 0.7), (4, 0.5)]) == [(1, 0.9), (2, 0.7), (3, 0.5)]


def test_a_logarithmic_axis_has_equal_distances_for_equal_ratios() -> None:
    axis = Axis(1, 100, 0, 200, is_log=True)
    assert [axis.at(value) for value in (1, 10, 100)] == [0, 100, 200]


def test_a_curve_needs_two_points() -> None:
    assert curve("MAE", [(0, 1.0)]) is None
    assert curve("MAE", [(0, 1.0), (1, float("nan"))]) is None


def test_reliability_compares_probability_and_share_of_correct_ones() -> None:
    table = pl.DataFrame({"probabilities": [[0.8, 0.2], [0.85, 0.15], [0.4, 0.6]], "rating": [1.0, 2.0, 2.0]})
    points = reliability(table, (1, 2))
    assert [(round(at, 3), share, n) for at, share, n in points] == [(0.6, 1.0, 1), (0.825, 0.5, 2)]


def test_rows_without_probabilities_have_no_calibration() -> None:
    table = pl.DataFrame(
        {"probabilities": [[]], "rating": [1.0]}, schema={"probabilities": pl.List(pl.Float64), "rating": float}
    )
    assert reliability(table, (1, 2)) == []
