"""A run that is killed and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import killed_run
import pytest


@pytest.fixture(scope="module")
def uninterrupted(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, list[str], list[object]]:
    """Batches, texts and label log-probabilities of a run that was not killed."""
    n_batches, texts, logprobs = killed_run.run(model_folder, tmp_path_factory.mktemp("run") / "s.sqlite", -1)
    return n_batches, texts, list(logprobs)


@pytest.mark.parametrize("batch", [2, 7])  # one of completions, one of labels
def test_at_most_the_batch_in_flight_and_the_one_before_are_computed_again(
    model_folder: Path, tmp_path: Path, uninterrupted: tuple[int, list[str], list[tuple[float, ...]]], batch: int
) -> None:
    n_batches, texts, logprobs = uninterrupted
    assert batch < n_batches
    _run_and_kill(model_folder, tmp_path / "s.sqlite", batch)
    n_resumed, resumed_texts, resumed_logprobs = killed_run.run(model_folder, tmp_path / "s.sqlite", -1)
    assert n_resumed - (n_batches - batch) in (0, 1)  # the batch before may still have been on its way to the disk
    assert resumed_texts == texts
    for resumed, expected in zip(resumed_logprobs, logprobs, strict=True):
        assert resumed == pytest.approx(expected, abs=1e-4)


def _run_and_kill(folder: Path, store: Path, batch: int) -> None:
    """Starts a run and kills it with SIGKILL once it has begun that batch."""
    command = [sys.executable, killed_run.__file__, str(folder), str(store), str(batch)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert any(line.strip() == f"batch {batch}" for line in process.stdout)
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
