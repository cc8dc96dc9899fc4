"""`duetbench run --engine vllm` with SmolLM2-135M, from a training to records, compared with the default engine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from duetbench.evaluation.predictions import read_predictions
from duetbench.records.files import read_record
from duetbench.records.record import Record

pytestmark = [pytest.mark.vllm, pytest.mark.filterwarnings("default")]

USERS_CACHE = os.environ.get("DUETBENCH_CACHE")
"""Where the model is, read before the tests' own cache takes its place."""

GRID = [
    *("--dataset", "toy", "--model", "smollm2-135m", "--limit", "4"),
    *("--scorer", "rating_expectation", "--scorer", "rating_text", "--set", "rating_text.answer=fill"),
]
TRAINING = [
    *("--set", "sft.pairs=3", "--set", "sft.candidates=2", "--set", "sft.epochs=1", "--set", "sft.least_gain=-9"),
    *("--set", "sft.lora_r=8", "--set", "training.valid_examples=4", "--set", "training.examples=8"),
]


def _run(folder: Path, engine: str, *arguments: str) -> dict[tuple[str, str, str], tuple[Path, Record]]:
    """The cells of a run, by strategy, trainer and scorer."""
    environment = {name: value for name, value in os.environ.items() if name != "DUETBENCH_CACHE"}
    if USERS_CACHE:
        environment["DUETBENCH_CACHE"] = USERS_CACHE
    command = ["run", *GRID, "--engine", engine, "--store", str(folder.parent / f"{folder.name}.sqlite"), *arguments]
    done = subprocess.run(
        [sys.executable, "-m", "duetbench", *command, "--out", str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr[-3000:]  # 1: a model of this size may write nothing readable
    cells = [(path.parent, read_record(path)) for path in folder.glob("cells/*/record.json")]
    return {_names(record): (path, record) for path, record in cells if record.engine is not None}


def _names(record: Record) -> tuple[str, str, str]:
    return record.cell.strategy or "", record.cell.trainer or "", record.cell.scorer


def test_a_grid_with_a_training_runs_and_agrees_with_transformers(tmp_path: Path) -> None:
    options = ("--set", "vllm.enforce_eager=true", "--set", "vllm.max_lora_rank=8", "--set", "vllm.max_context=2048")
    untrained = ("--strategy", "10h", "--strategy", "duet", "--trainer", "none")
    cells = _run(tmp_path / "vllm", "vllm", *untrained, *options)
    reference = _run(tmp_path / "transformers", "transformers", *untrained, "--set", "transformers.max_context=2048")
    assert cells.keys() == reference.keys()
    assert {names: record.is_done for names, (_, record) in cells.items()} == {
        names: record.is_done for names, (_, record) in reference.items()
    }
    assert cells["10h", "none", "rating_expectation"][1].is_done
    for names in [names for names in cells if names[0] == "10h" and names[2] == "rating_expectation"]:
        tables = [read_predictions(each[names][0] / "predictions.parquet") for each in (cells, reference)]
        ours, expected = (table["probabilities"].explode().to_list() for table in tables)
        assert ours == pytest.approx(expected, rel=1e-4)


def test_a_writer_that_sft_trained_writes_with_its_adapter(tmp_path: Path) -> None:
    options = ("--set", "vllm.enforce_eager=true", "--set", "vllm.max_context=2048")
    cells = _run(tmp_path / "vllm", "vllm", "--strategy", "duet", "--trainer", "sft", *TRAINING, *options)
    assert {names[1] for names in cells} == {"sft"}
    assert all(record.training is not None for _, record in cells.values())
    assert any(record.is_done for _, record in cells.values())
