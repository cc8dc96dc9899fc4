"""The configuration that `make demo` runs: the profile writer learns, and what it learnt holds on test rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from duetbench.cli import main
from duetbench.evaluation.statistics import bootstrap

CONFIG = Path(__file__).parents[2] / "configs" / "toy.yaml"


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("learnt")
    arguments = ["run", "--config", str(CONFIG), "--strategy", "duet", "--no-baselines", "--no-controls"]
    result = CliRunner().invoke(main, [*arguments, "--out", str(folder), "--store", str(folder / "store.sqlite")])
    assert result.exit_code == 0, result.output
    return folder


def _cell(folder: Path, trainer: str) -> tuple[dict[str, Any], pl.DataFrame]:
    (cell,) = folder.glob(f"cells/duet__{trainer}__*")
    return json.loads((cell / "record.json").read_text()), pl.read_parquet(cell / "predictions.parquet")


def test_feedback_lowers_the_error_on_test_rows(learnt: Path) -> None:
    (before, untrained), (after, trained) = _cell(learnt, "none"), _cell(learnt, "grpo")
    assert before["cell"]["split"] == after["cell"]["split"] == "test"
    assert after["metrics"]["coverage"] == 1.0
    pairs = untrained.join(trained, on="request_id", suffix="_trained", validate="1:1")
    assert len(pairs) == len(untrained) == len(trained)
    errors = [(pairs[f"value{end}"] - pairs["rating"]).abs().to_numpy() for end in ("_trained", "")]
    difference = bootstrap(np.stack(errors, axis=1), pairs["user_id"].to_list()).difference(0, 1)
    assert difference is not None
    assert difference.high < 0, f"MAE changed by {difference}"


def test_what_was_learnt_is_no_rating_written_into_the_profile(learnt: Path) -> None:
    (training,) = learnt.glob("trainings/grpo__*/evaluations.jsonl")
    evaluations = [json.loads(line) for line in training.read_text().splitlines()]
    assert all(entry["leaks"] == 0 for entry in evaluations)


def test_the_record_holds_what_the_training_cost(learnt: Path) -> None:
    budget = _cell(learnt, "grpo")[0]["budget"]
    assert budget["steps"] > 0
    assert budget["tokens"] > 0


def test_the_adapter_s_folder_as_a_model_predicts_the_same(learnt: Path, tmp_path: Path) -> None:
    (adapter,) = learnt.glob("trainings/grpo__*/best")
    arguments = ["run", "--strategy", "duet", "--trainer", "none", "--set", "duet.joint=cross", "--no-baselines"]
    places = ["--out", str(tmp_path), "--store", str(tmp_path / "store.sqlite")]
    result = CliRunner().invoke(main, [*arguments, "--model", f"path:{adapter}", *places])
    assert result.exit_code == 0, result.output
    record, predictions = _cell(tmp_path, "none")
    assert predictions.equals(_cell(learnt, "grpo")[1])
    assert record["model"]["adapter_digest"] == _cell(learnt, "grpo")[0]["model"]["adapter_digest"]
