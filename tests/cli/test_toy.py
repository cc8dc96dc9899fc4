"""The main job on the toy tier: a real model, from raw files to the leaderboard."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from grid_making import BASELINES

from duetbench.cli import main
from duetbench.errors import ModelError
from duetbench.models import resolve


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Result]:
    """Runs 10h and duet with toy-lm on two dozen pairs, always in the same folder and with the same store."""
    folder = tmp_path_factory.mktemp("toy")
    try:
        resolve("toy-lm", pull=False)
    except ModelError as error:
        pytest.skip(f"toy-lm is not built: {error}")

    def made(*more: str) -> Result:
        fixed = ["run", "--strategy", "10h", "--strategy", "duet", "--trainer", "none", "--limit", "24"]
        return CliRunner().invoke(main, [*fixed, "--out", str(folder), "--store", str(folder / "store.sqlite"), *more])

    made.folder = folder  # type: ignore[attr-defined]
    return made


@pytest.fixture(scope="module")
def result(run: Callable[..., Result]) -> Result:
    return run()


def _records(run: Any) -> dict[str, dict[str, Any]]:
    records = [json.loads(path.read_text()) for path in Path(run.folder).glob("cells/*/record.json")]
    return {record["cell"]["strategy"] or record["cell"]["scorer"]: record for record in records}


def test_the_leaderboard_holds_strategies_beside_the_scorers_without_a_model(result: Result) -> None:
    assert result.exit_code == 0, result.output
    for name in ("10h", "duet", *BASELINES):
        assert name in result.stdout


def test_the_toy_model_writes_readable_profiles(run: Callable[..., Result], result: Result) -> None:
    profiles = _records(run)["duet"]["profiles"]
    assert profiles["readable"] >= 0.95 * profiles["asked"] > 0


def test_every_rating_is_readable_and_its_labels_hold_most_of_the_mass(
    run: Callable[..., Result], result: Result
) -> None:
    metrics = _records(run)["10h"]["metrics"]
    assert metrics["coverage"] == 1.0
    assert metrics["label_mass"] > 0.9


def test_the_same_command_again_computes_nothing(run: Callable[..., Result], result: Result) -> None:
    again = run()
    assert f"{2 + len(BASELINES)} already finished" in again.stderr
    assert again.stdout == result.stdout


def test_force_gets_every_answer_from_the_store(run: Callable[..., Result], result: Result) -> None:
    before = _records(run)
    assert run("--force").exit_code == 0
    after = _records(run)
    assert after["duet"]["usage"]["profiles"]["calls"] == after["duet"]["usage"]["scoring"]["calls"] == 0
    assert after["duet"]["metrics"] == before["duet"]["metrics"]
