from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from builtin_metrics import METRICS
from click.testing import Result
from grid_making import BASELINES

from duetbench.leaderboard import collect
from duetbench.records import read_record

TEN_TROUBLES = """user,item,est,r_ui
a,i1,4.2,4
a,i2,four stars,5
b,i1,,3
b,i2,7.5,5
c,i1,2,2
c,i1,2,2
d,i1,3,1
d,i1,5,1
e,i1,3,
e,i2,3,good
e,i3,3,8
,i1,3,3
f,,3,3
g,i1
h,i1,inf,4
"""
"""Fifteen rows with ten kinds of trouble."""


@pytest.fixture
def troubled(cli: Callable[..., Result], work: Path) -> Callable[..., Result]:
    """Scores the file with more arguments."""
    (work / "theirs.csv").write_text(TEN_TROUBLES)

    def run(*arguments: str) -> Result:
        return cli("score", "theirs.csv", "--max-error-rate", "0.5", *arguments)

    return run


def _record(folder: Path):  # type: ignore[no-untyped-def]
    (cell,) = folder.glob("cells/theirs__*")
    return read_record(cell)


def test_every_trouble_is_counted(troubled: Callable[..., Result], work: Path) -> None:
    result = troubled("--out", "runs/theirs")
    assert result.exit_code == 0, result.stderr
    foreign = _record(work / "runs" / "theirs").foreign
    assert foreign.rows == 15
    assert sum(foreign.dropped.values()) == 6
    assert {name: n for name, n in foreign.dropped.items() if "line" not in name and "fields" not in name} == {
        "user missing": 1,
        "item missing": 1,
        "true rating missing": 1,
        "true rating is not a number": 1,
        "true rating is not on the scale": 1,
    }
    assert foreign.noted == {
        "prediction off the scale": 1,
        "prediction is not a number": 2,
        "prediction missing": 1,
        "repeated pair, same prediction": 1,
        "repeated pair, other prediction (first counts)": 1,
    }


def test_metrics_are_those_of_the_pairs_that_remain(troubled: Callable[..., Result], work: Path) -> None:
    troubled("--out", "runs/theirs")
    metrics = _record(work / "runs" / "theirs").metrics
    # readable: 4.2 for 4, 7.5 for 5, 2 for 2, 3 for 1; missing: truths 5, 3, 4
    assert (metrics.n, metrics.n_readable, metrics.off_scale) == (7, 4, 1)
    assert metrics.over["readable"].values["mae"]["raw"] == pytest.approx((0.2 + 2.5 + 0 + 2) / 4)
    assert metrics.over["readable"].values["mae"]["clipped"] == pytest.approx((0.2 + 0 + 0 + 2) / 4)
    assert metrics.over["official"].values["mae"]["raw"] == pytest.approx((4.7 + 5 + 3 + 4) / 7)
    assert metrics.over["constant:-1"].values["mae"]["raw"] == pytest.approx((4.7 + 6 + 4 + 5) / 7)
    assert set(metrics.over) == {"readable", "worst", "middle", "official", "constant:-1"}


def test_the_matrix_has_every_convention(troubled: Callable[..., Result]) -> None:
    output = troubled().stdout
    for text in ("excluded", "worst *", "0 (official)", "rounded_bankers", "within_0.5", "bucket3, macro_gt", "micro"):
        assert text in output


def test_without_out_nothing_is_written(troubled: Callable[..., Result], work: Path) -> None:
    before = set(work.iterdir())
    assert troubled().exit_code == 0
    assert set(work.iterdir()) == before


def test_json_has_the_record_and_intervals(troubled: Callable[..., Result], work: Path) -> None:
    troubled("--json", "all.json")
    content = json.loads((work / "all.json").read_text())
    assert content["record"]["metrics"]["n"] == 7
    assert set(content["conventions"]) == {"standard", "duet", "three_class"}
    assert content["conventions"]["standard"]["intervals"]["mae"]["low"] < 1.0


def test_scored_predictions_pass_the_check(troubled: Callable[..., Result], cli: Callable[..., Result]) -> None:
    troubled("--out", "runs/theirs", "--origin", "paper of 2024")
    result = cli("leaderboard", "export", "--check", "runs/theirs")
    assert result.exit_code == 0, result.stderr
    assert "paper of 2024" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("--limit", "3"), "limit: no effect without --dataset"),
        (("--fill", "train_mean"), "fill: train_mean needs training ratings"),
        (("--dataset", "tiny", "--labels", "1:10"), "labels: no effect with --dataset"),
        (("--name", " "), "name: must be printable text"),
    ],
)
def test_options_without_effect_are_errors(
    troubled: Callable[..., Result], arguments: tuple[str, ...], fault: str
) -> None:
    result = troubled(*arguments)
    assert result.exit_code == 1
    assert fault in result.stderr


def test_the_folder_of_a_run_is_not_replaced(troubled: Callable[..., Result], work: Path) -> None:
    (work / "runs" / "mine" / "cells").mkdir(parents=True)
    (work / "runs" / "mine" / "plan.json").write_text('{"name": "mine", "cells": []}')
    result = troubled("--out", "runs/mine")
    assert result.exit_code == 1
    assert "is the folder of another run" in result.stderr


@pytest.fixture
def perfect(grid: Callable[..., Result], work: Path) -> Path:
    """A run of three pairs, and a file with perfect predictions of them."""
    assert grid("--strategy", "10h", "--out", "runs/ours").exit_code == 0
    table = pl.read_parquet(next(work.glob("runs/ours/cells/*global_mean*/predictions.parquet")))
    table.select("user_id", "item_id", prediction="rating").write_csv(work / "perfect.csv")
    return work


def test_predictions_of_a_dataset_stand_on_the_board_of_a_run(perfect: Path, cli: Callable[..., Result]) -> None:
    arguments = ("--dataset", "tiny", "--limit", "3", "--no-baselines", "--out", "runs/theirs")
    result = cli("score", "perfect.csv", *arguments)
    assert result.exit_code == 0, result.stderr
    (section,) = collect([perfect / "runs" / "ours", perfect / "runs" / "theirs"], METRICS).sections
    row = next(row for row in section.rows if row.name == "perfect")
    assert row.values is not None
    assert (row.values["mae"].mean, row.facts["origin"]) == (0.0, "predictions made elsewhere")
    assert not row.is_baseline
    assert (row.costs.seconds, row.costs.prompt_tokens) == (None, None)


def test_baselines_are_computed_on_the_same_pairs(perfect: Path, cli: Callable[..., Result]) -> None:
    result = cli("score", "perfect.csv", "--dataset", "tiny", "--limit", "3", "--out", "runs/theirs")
    assert result.exit_code == 0, result.stderr
    (section,) = collect([perfect / "runs" / "theirs"], METRICS).sections
    assert {row.name for row in section.rows} == {"perfect", *BASELINES}
    assert cli("leaderboard", "export", "--check", "runs/theirs").exit_code == 0
