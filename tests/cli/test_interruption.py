"""Killed, stopped and doubled runs, as processes of their own."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import polars as pl
from grid_making import PLUGIN, logged

from duetbench.records import read_record

PAIRS = 12


def _start(
    work: Path, *, out: str = "out", store: str = "store.sqlite", pause: float = 0.0, **more: object
) -> subprocess.Popen[str]:
    """`duetbench run` with two strategies on twelve pairs; the engine waits `pause` seconds per batch of two."""
    command = [sys.executable, "-m", "duetbench", "--plugins-dir", str(PLUGIN), "run", "--out", out, "--store", store]
    command += ["--dataset", "tiny", "--model", "path:model", "--engine", "logging", "--limit", str(PAIRS)]
    command += ["--strategy", "10h", "--strategy", "duet", "--trainer", "none", "--no-baselines"]
    # The log and the pause are options, and options make the cell: what a run is like must not depend on them.
    environ = {**os.environ, "GRID_LOG": str(work / f"{out}.log"), "GRID_PAUSE": str(pause)}
    return subprocess.Popen(command, cwd=work, env=environ, text=True, stdout=-1, stderr=-1, **more)  # type: ignore[call-overload, no-any-return]


def _wait_for_log(path: Path, n: int) -> None:
    deadline = time.monotonic() + 60
    while len(logged(path)) < n:
        assert time.monotonic() < deadline, "the run never got that far"
        time.sleep(0.02)


def _predictions(work: Path, out: str) -> dict[str, pl.DataFrame]:
    folders = sorted((work / out / "cells").iterdir())
    return {folder.name.partition("__")[0]: pl.read_parquet(folder / "predictions.parquet") for folder in folders}


def _finish(process: subprocess.Popen[str]) -> str:
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stderr
    return stderr


def _assert_equal_runs(work: Path, one: str, two: str) -> None:
    first, second = _predictions(work, one), _predictions(work, two)
    assert first.keys() == second.keys() == {"10h", "duet"}
    assert all(first[name].equals(second[name]) for name in first)


def test_a_killed_run_resumes_and_computes_only_the_batch_in_flight_again(work: Path) -> None:
    _finish(_start(work, out="whole", store="whole.sqlite"))
    for at in (3, 15):  # in the ratings of the first cell, then in the profiles of the second
        process = _start(work, pause=0.1)
        _wait_for_log(work / "out.log", at)
        process.kill()
        process.communicate()
    _finish(_start(work))
    asked = Counter(line for line in logged(work / "out.log") if line != "loaded")
    again = [n for n in asked.values() if n > 1]
    assert sum(n - 1 for n in again) <= 2 * 2  # a batch holds two prompts; two kills
    assert len(asked) == len(set(logged(work / "whole.log"))) - 1
    _assert_equal_runs(work, "whole", "out")


def test_ctrl_c_stops_in_one_line_and_the_same_command_resumes(work: Path) -> None:
    process = _start(work, pause=0.1)
    _wait_for_log(work / "out.log", 5)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr.splitlines()[-1].startswith("duetbench: interrupted; finished work is kept")
    assert "Traceback" not in stderr
    _finish(_start(work))
    assert len(_predictions(work, "out")) == 2


def test_two_runs_at_once_share_the_work_and_corrupt_nothing(work: Path) -> None:
    _finish(_start(work, out="whole", store="whole.sqlite"))
    output = [_finish(process) for process in [_start(work, pause=0.1), _start(work, pause=0.1)]]
    records = [read_record(folder) for folder in (work / "out" / "cells").iterdir()]
    assert [record.status for record in records] == ["done", "done"]
    assert sum(int(line.split(" computed")[0][-1]) for line in output if " computed" in line) == 2  # each cell once
    _assert_equal_runs(work, "whole", "out")


def test_a_full_disk_is_one_line_and_loses_nothing(work: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    process = _start(work, preexec_fn=limit)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in stderr
    assert stderr.splitlines()[-1].startswith("duetbench: ")
    _finish(_start(work))
    assert len(_predictions(work, "out")) == 2
