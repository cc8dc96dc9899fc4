"""The grids in configs/ can be run as they stand; here on the toy world, whatever dataset they name."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from duetbench.cli import main
from duetbench.plugins import Plugins
from duetbench.runner import run_config

CONFIGS = Path(__file__).parents[2] / "configs"


def planned(name: str, *more: str) -> list[list[str]]:
    """The rows of cells that ask a model; without controls unless `more` says otherwise."""
    arguments = ["-q", "run", "--config", str(CONFIGS / name), "--plan", "--dataset", "toy", "--limit", "12"]
    arguments += list(more) or ["--no-controls"]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.stdout.splitlines() if line.endswith(" to do ")]
    return [row for row in rows if row[0] != "none"]


def pairs(rows: list[list[str]]) -> set[tuple[str, str]]:
    return {(row[at], row[at + 1]) for row in rows for at in range(len(row) - 1)}


def test_the_ladder_holds_every_writer_under_every_trainer() -> None:
    writers = {"kar", "palr", "rlmrec", "lg", "r4rec", "duet"}
    wanted = {(name, trainer) for name in writers for trainer in ("none", "sft", "dpo", "grpo")}
    rows = planned("ladder.yaml")
    assert wanted | {("10h", "none")} <= pairs(rows)
    assert len(rows) == 25


def test_table_1_gives_each_method_its_own_training() -> None:
    rows = planned("table1.yaml")
    assert {("lg", "dpo"), ("r4rec", "sft"), ("duet", "grpo"), ("kar", "none")} < pairs(rows)
    assert all({"qwen3-8b", "llama3-8b"} & set(row) for row in rows)
    assert {name for row in rows for name in row if name == "r4rec_predictor"}


def test_table_2_takes_away_one_part_after_the_other() -> None:
    rows = planned("table2-ablation.yaml")
    grids = yaml.safe_load((CONFIGS / "table2-ablation.yaml").read_text())["grids"]
    assert len(rows) == sum(len(grid["trainers"]) for grid in grids)
    lines = [" ".join(row) for row in rows]
    assert all(any(line.startswith(f"{grid['label']} {grid['strategies'][0]}") for line in lines) for grid in grids)


def test_table_3_has_a_row_per_length_of_history() -> None:
    assert sorted(row[0] for row in planned("table3-history.yaml")) == ["10H+30P", "10H+50P", "10H+70P"]


@pytest.mark.parametrize("name", ["toy", "ladder", "table1", "table2-ablation", "table3-history", "music-laptop"])
def test_the_shipped_grids_have_controls(name: str) -> None:
    names = set(Plugins(environ={}).of_kind("control"))
    shown = {word for row in planned(f"{name}.yaml", "--seed", "0") for word in row} & names
    assert {"no_profile", "averages_only", "raw_evidence", "shuffled_both"} <= shown
    assert ("best_of_n" in shown) == (name != "music-laptop")  # it trains nothing


def test_the_learning_grid_has_best_of_n_beside_its_main_rows() -> None:
    lines = [" ".join(row) for row in planned("learning.yaml", "--seed", "0", "--scorer", "rating_text")]
    assert {line.split(" duet ")[0] for line in lines if " best_of_n " in line} == {"paired", "cross"}
    assert sum(" shuffled_both " in line for line in lines) == 8  # 2 labels with two trainers, 4 with one
    assert sum(" no_profile " in line for line in lines) == 1


@pytest.mark.parametrize("file", sorted(CONFIGS.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_dataset_and_model_of_a_config_is_known(file: Path) -> None:
    from duetbench.models import load_card

    grids = run_config({}, file=file).grids
    assert {name for grid in grids for name in grid.datasets} <= set(Plugins().of_kind("dataset"))
    assert all(load_card(name) for grid in grids for name in grid.models)


def test_the_authors_code_is_one_trained_row_per_dataset() -> None:
    (row,) = planned("duet-code.yaml")
    assert row[0] == "duet"
