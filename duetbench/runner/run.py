"""Runs a plan: cell by cell, safely beside other processes, leaving finished cells alone."""

from __future__ import annotations

import errno
import time
import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from duetbench.errors import DuetbenchError, RecordError, StoreError
from duetbench.runner.engine_pool import EnginePool
from duetbench.runner.execute import CellExecutor, CellState
from duetbench.runner.output.run_folder import RunFolder
from duetbench.runner.planning.cells import Cell
from duetbench.runner.planning.plan import Plan
from duetbench.runner.progress import Progress

State = Literal["done", "found", "failed"]
"""Computed now; found finished; failed now."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
"""Nothing can be written any more: no cell's own fault, and no record of it could be written either."""


@dataclass
class RunOutcome:
    """What became of the cells."""

    folder: Path
    states: dict[str, State] = field(default_factory=dict)
    """By cell id."""
    failures: list[tuple[Cell, str]] = field(default_factory=list)
    """Failed cells, each with its reason in one line."""

    def count(self, state: State) -> int:
        """How many cells ended so."""
        return list(self.states.values()).count(state)


def run(
    plan: Plan, folder: Path, *, store: Path | None = None, force: bool = False, progress: Progress | None = None
) -> RunOutcome:
    """Computes every cell of a plan that is not finished yet, and writes the leaderboard.

    Args:
        plan: The cells.
        folder: The run's; created if it is not there. Several processes may work in it at once.
        store: File of the request store; None: the one in the user's cache.
        force: Computes finished cells again. Answers still come from the store where it has them.
        progress: Is told what happens.

    Raises:
        RecordError: the folder cannot be written or the disk is full. What was finished is kept.
    """
    run_folder = RunFolder(folder)
    progress = progress or Progress()
    pool = EnginePool(store, on_done=progress.advance, on_progress=progress.tell)
    try:
        with progress:
            return _Run(plan, run_folder, CellExecutor(run_folder, pool, progress), force, progress).run()
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise RecordError(
            f"{error.filename or folder}: {error.strerror}; finished cells are kept: free some space and give the "
            "same command again"
        ) from error
    finally:
        pool.close()


def is_finished(cell: Cell, path: Path) -> bool:
    """Whether a cell's folder holds a whole record of a whole result."""
    from duetbench.records import PREDICTIONS, RECORD, file_entry, read_record

    if not (path / RECORD).is_file():
        return False
    try:
        record = read_record(path)
    except RecordError:
        return False
    if record["status"] != "done" or record["cell_id"] != cell.id:
        return False
    predictions = path / PREDICTIONS
    whole: bool = predictions.is_file() and file_entry(predictions) == record["files"].get(PREDICTIONS)
    return whole and _has_same_weights(cell, record)


def _has_same_weights(cell: Cell, record: Mapping[str, Any]) -> bool:
    """Whether the weights that are here now are those of the record; True if none are here to compare."""
    from duetbench.models import resolve

    if cell.writing is None or cell.writing.training:
        return True
    try:
        return bool(resolve(cell.writing.model.name, pull=False).digest == record["model"]["digest"])
    except DuetbenchError:
        return True


class _Run:
    def __init__(self, plan: Plan, folder: RunFolder, workshop: CellExecutor, force: bool, progress: Progress) -> None:
        from duetbench.records import environment

        self._plan = plan
        self._folder = folder
        self._workshop = workshop
        self._force = force
        self._progress = progress
        self._environment = environment()
        self._outcome = RunOutcome(folder.path)

    def run(self) -> RunOutcome:
        self._folder.write_json("plan.json", plan_content(self._plan))
        self._folder.write_json("env.json", self._environment)
        self._progress.start(len(self._plan.cells))
        waiting = [cell for cell in self._plan.cells if not self._try(cell, wait=False)]
        for cell in waiting:
            self._progress.cell(_short_title(cell))
            self._progress.tell("another process computes it")
            self._try(cell, wait=True)
        self._write_leaderboard()
        return self._outcome

    def _try(self, cell: Cell, *, wait: bool) -> bool:
        """Computes a cell unless it is finished; False if another process has it and it shall not be waited for."""
        from filelock import FileLock, Timeout

        path = self._folder.cell(cell)
        if not self._force and is_finished(cell, path):
            return self._ended(cell, "found")
        path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path / "lock")
        try:
            lock.acquire(blocking=wait)
        except Timeout:
            return False
        try:
            # Whoever held the lock until now may have finished the cell; then even --force has what it wants.
            if (wait or not self._force) and is_finished(cell, path):
                return self._ended(cell, "found")
            return self._ended(cell, self._compute(cell, path))
        finally:
            lock.release()

    def _ended(self, cell: Cell, state: State) -> bool:
        self._outcome.states[cell.id] = state
        self._progress.cell_done()
        return True

    def _compute(self, cell: Cell, path: Path) -> State:
        from duetbench.records import utc_now
        from duetbench.runner.output.recording import ERROR, write_done, write_failed

        self._progress.cell(_short_title(cell))
        for draft in path.glob(".*"):  # of a process that was killed
            draft.unlink()
        work = CellState(cell)
        started, clock = utc_now(), time.monotonic()

        def frame() -> dict[str, Any]:
            return {"started": started, "seconds": time.monotonic() - clock, "environment": self._environment}

        try:  # plugins and models may raise anything; one cell's fault must not take the grid down
            self._workshop.do(work)
            record = write_done(work, path, frame(), self._plan.metrics)
        except StoreError:  # nor would any other cell get an answer
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno in _FULL:
                raise
            if not is_finished(cell, path):  # what --force could not compute again is not lost
                write_failed(work, path, frame(), error)
            if not isinstance(error, DuetbenchError):
                (path / ERROR).write_text(traceback.format_exc(), encoding="utf-8")
            self._failed(cell, error, path / ERROR)
            return "failed"
        self._progress.remark(f"{_title(cell)}: {_short(record)}")
        return "done"

    def _failed(self, cell: Cell, error: Exception, trace: Path) -> None:
        reason = " ".join(str(error).split()) or type(error).__name__
        if not isinstance(error, DuetbenchError):
            reason = f"{type(error).__name__}: {reason} (traceback in {trace})"
        self._outcome.failures.append((cell, reason))
        self._progress.remark(f"{_title(cell)}: FAILED: {reason}")

    def _write_leaderboard(self) -> None:
        from duetbench.leaderboard import collect
        from duetbench.leaderboard.formats import render

        board = collect([self._folder.path], self._plan.metrics)
        for name in ("md", "json"):
            self._folder.write_text(f"leaderboard.{name}", render(board, name))


def plan_content(plan: Plan) -> dict[str, Any]:
    """A plan as JSON values."""
    cells = [
        {
            "id": cell.id,
            "folder": f"cells/{cell.folder}",
            "label": cell.label,
            "sections": {"data": asdict(cell.data.options), "history": asdict(cell.data.history)},
            **cell.describe(),
        }
        for cell in plan.cells
    ]
    return {"name": plan.name, "notes": list(plan.notes), "cells": cells}


def _title(cell: Cell) -> str:
    parts = [cell.data.choice.name, cell.scorer.name]
    if cell.writing:
        trainer = f"+{cell.writing.trainer.name}" if cell.writing.training else ""
        writer = f"{cell.writing.strategy.name}{trainer}"
        parts = [writer, cell.data.choice.name, cell.writing.model.name, cell.scorer.name, f"seed {cell.seed}"]
    return " ".join([*parts, *([f"({cell.label})"] if cell.label else [])])


def _short_title(cell: Cell) -> str:
    """What fits before a bar."""
    return cell.writing.strategy.name if cell.writing else cell.scorer.name


def _short(record: Mapping[str, Any]) -> str:
    metrics = record["metrics"]
    mae = metrics["over"][metrics["fill"]].get("mae", {}).get("raw")
    n_read, n = metrics["n_readable"], metrics["n"]
    filled = "" if n_read == n else f", the others taken as {metrics['fill']}"
    shown = "" if mae is None else f"MAE {mae:.3f}, "
    return f"{shown}{n_read} of {n} readable{filled}, {record['seconds']:.1f} s"
