"""`duetbench run --controls` with a real model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from duetbench.cli import main

TINY = ("--set", "grpo.rounds=2", "--set", "grpo.pairs_per_round=8", "--set", "training.valid_examples=8")


def run(folder: Path, *more: str) -> Result:
    fixed = ["run", "--strategy", "duet", "--set", "duet.joint=cross", "--limit", "24", "--no-baselines"]
    places = ["--out", str(folder), "--store", str(folder / "store.sqlite")]
    return CliRunner().invoke(main, [*fixed, *places, *more], catch_exceptions=False)


def records(folder: Path) -> dict[tuple[str, str | None], dict[str, Any]]:
    found = [json.loads(path.read_text()) for path in folder.glob("cells/*/record.json")]
    return {(record["cell"]["trainer"], record["cell"]["control"]): record for record in found}


def test_controls_that_do_not_apply_are_left_out_of_a_run_that_succeeds(tmp_path: Path) -> None:
    result = run(tmp_path, "--trainer", "none", "--controls", "--limit", "1")
    assert result.exit_code == 0, result.output
    assert "5 computed, 3 left out (control not applicable)" in result.output
    reasons = {control: record["error"] for (_, control), record in records(tmp_path).items() if record["error"]}
    assert {control: error["type"] for control, error in reasons.items()} == {
        f"shuffled_{side}": "NotApplicable" for side in ("user", "item", "both")
    }


def test_the_switch_adds_controls_to_a_plan(tmp_path: Path) -> None:
    plain, controls = (run(tmp_path, "--trainer", "none", "--plan", *more).stdout for more in ((), ("--controls",)))
    assert "shuffled_user" not in plain
    assert "shuffled_user" in controls
    assert controls.startswith("8 cells")


def test_a_run_with_controls_generates_each_profile_once(tmp_path: Path) -> None:
    result = run(tmp_path, "--trainer", "none", "--controls")
    assert result.exit_code == 0, result.output
    found = records(tmp_path)
    assert len(found) == 8
    calls = [record["usage"]["profiles"]["calls"] for record in found.values()]
    assert sorted(calls)[:-1] == [0] * 7
    assert "8 already finished" in run(tmp_path, "--trainer", "none", "--controls").stderr


@pytest.mark.slow
def test_best_of_n_spends_the_tokens_of_the_training_that_it_replaces(tmp_path: Path) -> None:
    result = run(tmp_path, "--trainer", "grpo", "--controls", *TINY)
    assert result.exit_code == 0, result.output
    found = records(tmp_path)
    budget, reference = found["sft", "best_of_n"]["budget"]["tokens"], found["grpo", None]["budget"]["tokens"]
    assert found["sft", "best_of_n"]["training"]["settings"]["token_budget"] == reference
    assert 0.7 * reference < budget < 1.3 * reference
    assert {("grpo", f"shuffled_{side}") for side in ("user", "item", "both")} < set(found)
    ids = {record["training"]["training_id"] for (trainer, _), record in found.items() if trainer == "grpo"}
    assert len(ids) == 1
