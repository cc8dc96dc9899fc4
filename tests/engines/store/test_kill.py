"""A process killed in the middle of a run, and the same run again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import killed_run
import pytest


@pytest.fixture(scope="module")
def undisturbed(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, list[str], list[object]]:
    """Batches, texts and readings of a run that nobody killed."""
    engine, texts, readings = killed_run.run(model_folder, tmp_path_factory.mktemp("calm") / "s.sqlite", -1)
    return engine.engine.batches_begun, texts, list(readings)  # type: ignore[attr-defined]


@pytest.mark.parametrize("batch", [2, 7])  # one while writing, one while reading labels
def test_only_the_batch_in_flight_is_computed_again(
    model_folder: Path, tmp_path: Path, undisturbed: tuple[int, list[str], list[tuple[float, ...]]], batch: int
) -> None:
    n_batches, texts, readings = undisturbed
    assert batch < n_batches
    _run_and_kill(model_folder, tmp_path / "s.sqlite", batch)
    engine, texts_again, readings_again = killed_run.run(model_folder, tmp_path / "s.sqlite", -1)
    assert engine.engine.batches_begun == n_batches - batch  # type: ignore[attr-defined]
    assert texts_again == texts
    for reading, expected in zip(readings_again, readings, strict=True):
        assert reading == pytest.approx(expected, abs=1e-4)


def _run_and_kill(folder: Path, store: Path, batch: int) -> None:
    """Starts a run and kills it with -9 once it has begun that batch."""
    command = [sys.executable, killed_run.__file__, str(folder), str(store), str(batch)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert any(line.strip() == f"batch {batch}" for line in process.stdout)
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
