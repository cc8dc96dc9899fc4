"""Cells as jobs of submitit, in processes on this machine."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from grid_making import logged

from duetbench.cluster.jobs import RunSource
from duetbench.cluster.slurm.options import SlurmOptions
from duetbench.cluster.slurm.placement import SlurmPlacement
from duetbench.errors import EngineError
from duetbench.records import read_record
from duetbench.runner import Plan, RunConfig, run

pytest.importorskip("submitit", reason="submitit is not installed: pip install 'duetbench[slurm]'")

ROOT = Path(__file__).parents[3]
Configured = Callable[..., RunConfig]
Planned = Callable[[RunConfig], Plan]
Sourced = Callable[[RunConfig], RunSource]


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The jobs import the code under test."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in paths if path))


def _signalling(log: Path, word: str, number: signal.Signals) -> threading.Thread:
    """A running thread that sends a signal to the first other process that logs this word."""

    def send() -> None:
        while not (processes := _processes(log, word)):
            time.sleep(0.05)
        os.kill(processes[0], number)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    return thread


def _processes(log: Path, word: str) -> list[int]:
    lines = log.read_text().splitlines() if log.is_file() else []
    return [int(line.split()[0]) for line in lines if line.split()[1] == word and int(line.split()[0]) != os.getpid()]


def test_jobs_give_the_results_of_a_local_run(
    config: Configured, planned: Planned, source: Sourced, tmp_path: Path
) -> None:
    settings = config(f"logging.log={tmp_path / 'log'}", strategies=("10h", "broken"))
    plan = planned(settings)
    placement = SlurmPlacement(SlurmOptions(executor="local"), source(settings))
    outcome = run(plan, tmp_path / "out", store=tmp_path / "store.sqlite", placement=placement)
    assert (outcome.count("done"), outcome.count("failed")) == (1, 1)
    assert "a third-party bug" in outcome.failures[0][1]
    asked = logged(tmp_path / "log", "labels")
    run(plan, tmp_path / "local", store=tmp_path / "store.sqlite")
    assert logged(tmp_path / "log", "labels") == asked  # the answers of the jobs are in the store
    done = next(cell for cell in plan.cells if cell.names[0] == "10h")
    records = [read_record(tmp_path / folder / "cells" / done.folder) for folder in ("out", "local")]
    assert records[0].metrics == records[1].metrics


def test_a_preempted_job_is_requeued_and_asks_for_nothing_twice(
    config: Configured, planned: Planned, source: Sourced, tmp_path: Path
) -> None:
    settings = config(f"logging.log={tmp_path / 'log'}", "logging.pause=1.0")

    # Slurm sends this signal before it takes the machine away.
    thread = _signalling(tmp_path / "log", "labels", signal.SIGUSR2)
    placement = SlurmPlacement(SlurmOptions(executor="local"), source(settings))
    outcome = run(planned(settings), tmp_path / "out", store=tmp_path / "store.sqlite", placement=placement)
    thread.join()
    asked = Counter(logged(tmp_path / "log", "labels"))
    assert outcome.count("done") == 1
    assert len(logged(tmp_path / "log", "loaded")) == 2  # one process after the other
    assert len(asked) == 8
    assert sum(asked.values()) <= 8 + 2  # a batch holds two prompts


def test_a_killed_job_fails_its_cells_with_the_place_of_its_log(
    config: Configured, planned: Planned, source: Sourced, tmp_path: Path
) -> None:
    settings = config(f"logging.log={tmp_path / 'log'}", "logging.pause=30")

    thread = _signalling(tmp_path / "log", "loaded", signal.SIGKILL)
    placement = SlurmPlacement(SlurmOptions(executor="local"), source(settings))
    outcome = run(planned(settings), tmp_path / "out", store=tmp_path / "store.sqlite", placement=placement)
    thread.join()
    assert outcome.count("failed") == 1
    assert "its log is " in outcome.failures[0][1]


def test_a_machine_that_cannot_submit_says_what_to_do(
    config: Configured, source: Sourced, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(EngineError, match="no sbatch on this machine: run the command on a login node"):
        SlurmPlacement(SlurmOptions(), source(config()))
