"""`duetbench run` with a training that is killed: the same command leaves the same adapter, bit for bit."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

ROUNDS = 4
SMALL = {
    "duet.joint": "cross",
    "training.examples": 16,
    "training.valid_examples": 8,
    "grpo.rounds": ROUNDS,
    "grpo.pairs_per_round": 4,
    "grpo.num_generations": 4,
    "grpo.evaluate_every": 2,
    "grpo.learning_rate": 0.003,
}


def start(out: Path, store: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "duetbench", "-q", "run", "--strategy", "duet", "--trainer", "grpo"]
    command += ["--no-baselines", "--limit", "4", "--out", str(out), "--store", str(store)]
    command += [part for name, value in SMALL.items() for part in ("--set", f"{name}={value}")]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[bytes]) -> None:
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr.decode()


def kill_after(process: subprocess.Popen[bytes], out: Path, pattern: str, n_lines: int) -> None:
    """Kills a run as soon as a file of its training has so many lines."""
    deadline = time.monotonic() + 300
    while process.poll() is None:
        assert time.monotonic() < deadline
        if any(path.read_text().count("\n") >= n_lines for path in out.glob(f"trainings/*/{pattern}")):
            process.kill()
            break
        time.sleep(0.002)
    process.communicate()
    assert process.returncode == -9, "it ended before it could be killed"


def training(out: Path) -> dict[str, object]:
    """What the training left, without what depends on time or location."""
    (folder,) = out.glob("trainings/*/")
    result = json.loads((folder / "result.json").read_text())
    curve = [json.loads(line) for line in (folder / "curve.jsonl").read_text().splitlines()]
    rows = [{name: value for name, value in row.items() if "second" not in name} for row in curve]
    names = ("best_step", "steps", "tokens", "evaluations", "frozen_digest")
    return {"adapter": result["model"]["adapter_digest"], "curve": rows, **{name: result[name] for name in names}}


def predictions(out: Path) -> pl.DataFrame:
    (path,) = out.glob("cells/*/predictions.parquet")
    return pl.read_parquet(path)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    finish(start(folder / "out", folder / "store.sqlite"))
    assert training(folder / "out")["adapter"] is not None
    return folder / "out"


def resumed(tmp_path: Path, *kills: tuple[str, int]) -> Path:
    out, store = tmp_path / "out", tmp_path / "store.sqlite"
    for pattern, n_lines in kills:
        kill_after(start(out, store), out, pattern, n_lines)
        assert not list(out.glob("trainings/*/result.json"))
    finish(start(out, store))
    return out


def check(out: Path, undisturbed: Path) -> None:
    assert training(out) == training(undisturbed)
    assert predictions(out).equals(predictions(undisturbed))


def test_a_run_killed_in_a_round_and_after_a_checkpoint_leaves_the_same_adapter(tmp_path, undisturbed):
    check(resumed(tmp_path, ("curve.jsonl", 1), ("curve.jsonl", 3)), undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize(
    "kill", [("job.json", 1), ("evaluations.jsonl", 1), *(("curve.jsonl", n) for n in range(1, ROUNDS + 1))]
)
def test_a_run_killed_at_any_step_leaves_the_same_adapter(tmp_path, undisturbed, kill):
    check(resumed(tmp_path, kill), undisturbed)
