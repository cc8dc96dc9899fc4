"""Runs a plan cell by cell, skipping finished cells; several processes may share the folder."""

from __future__ import annotations

import errno
import time
import traceback
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duetbench.errors import ConfigError, DuetbenchError, NotApplicable, RecordError, StoreError
from duetbench.progress import Progress
from duetbench.runner.cell_state import CellState
from duetbench.runner.engine_pool import EnginePool
from duetbench.runner.estimating.run_times import RunTimes
from duetbench.runner.execute import CellExecutor
from duetbench.runner.failures import check_some_prediction
from duetbench.runner.output.finished import FinishedCells
from duetbench.runner.output.run_folder import RunFolder
from duetbench.runner.placement import CellEnd, PlacedWork, Placement, State
from duetbench.runner.planning.cells import Cell
from duetbench.runner.planning.plan import Plan
from duetbench.runner.requirements import check_requirements
from duetbench.runner.scorer_checks import scorer_faults

if TYPE_CHECKING:
    from duetbench.leaderboard import Board
    from duetbench.records import Record

_CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
"""Errors after which no file can be written, not even the record of a failed cell: they end the run."""


@dataclass
class RunOutcome:
    """The outcome of a run."""

    folder: Path
    states: dict[str, State] = field(default_factory=dict)
    """By cell id."""
    failures: list[tuple[Cell, str]] = field(default_factory=list)
    """Failed cells, each with its reason in one line."""
    left_out: list[tuple[Cell, str]] = field(default_factory=list)
    """Cells of controls that do not apply to the requests and profiles, each with its reason."""
    times: RunTimes = field(default_factory=RunTimes)
    board: Board | None = None
    """The leaderboard of the plan's cells."""

    def count(self, state: State) -> int:
        """Number of cells in this state."""
        return list(self.states.values()).count(state)


def run(
    plan: Plan,
    folder: Path,
    *,
    store: Path | None = None,
    force: bool = False,
    progress: Progress | None = None,
    placement: Placement | None = None,
) -> RunOutcome:
    """Computes the unfinished cells of a plan and writes the leaderboard.

    Args:
        plan: The cells.
        folder: The run's folder; created if missing. Several processes may work in it at once.
        store: File of the request store; None: the one in the user's cache.
        force: Computes finished cells again. Requests are still answered from the store where possible.
        progress: Receives the events.
        placement: Where the work is done; None: in this process. The caller closes it.

    Raises:
        RequirementsError: what unfinished cells need is missing; nothing is computed. A single missing thing raises its
            own error.
        ConfigError: a scorer cannot predict ratings on the scale of a dataset; nothing is computed.
        RecordError: the folder cannot be written or the disk is full. Finished cells are kept.
    """
    clock = time.monotonic()
    run_folder = RunFolder(folder)
    progress = progress or Progress()
    placement = placement or Placement()
    pool = EnginePool(store, on_done=progress.advance, on_progress=progress.status, placement=placement)
    try:
        with progress:
            finished = FinishedCells()
            unfinished = [cell for cell in plan.cells if force or not finished.contains(cell, run_folder.cell(cell))]
            placement.check(unfinished)
            _check(placement.computed_here(unfinished), pool)
            executor = CellExecutor(run_folder, pool, progress)
            work = PlacedWork(unfinished, run_folder.path, pool, force, progress)
            outcome = _Run(plan, run_folder, executor, force, progress, finished).run(placement, work)
            outcome.times.seconds = time.monotonic() - clock
            return outcome
    except OSError as error:
        if error.errno not in _CANNOT_WRITE:
            raise
        raise RecordError(
            f"{error.filename or folder}: {error.strerror}; finished cells are kept: free some space and repeat the "
            "command"
        ) from error
    finally:
        pool.close()


def compute_cells(plan: Plan, folder: Path, pool: EnginePool, *, force: bool, progress: Progress) -> RunOutcome:
    """Computes the cells of a plan; what belongs to the whole run, such as the leaderboard, is not written.

    For a process that computes some cells of a run for another process.
    """
    run_folder, finished = RunFolder(folder), FinishedCells()
    _check([cell for cell in plan.cells if force or not finished.contains(cell, run_folder.cell(cell))], pool)
    return _Run(plan, run_folder, CellExecutor(run_folder, pool, progress), force, progress, finished).compute()


def _check(unfinished: Sequence[Cell], pool: EnginePool) -> None:
    """Checks that this process can compute cells, before it computes any."""
    check_requirements(unfinished, pool)
    if faults := scorer_faults(unfinished, pool):
        raise ConfigError(faults)


class _Run:
    def __init__(
        self,
        plan: Plan,
        folder: RunFolder,
        executor: CellExecutor,
        force: bool,
        progress: Progress,
        finished: FinishedCells,
    ) -> None:
        from duetbench.leaderboard.board import COVERAGE
        from duetbench.records import current_environment

        self._coverage = COVERAGE
        self._plan = plan
        self._folder = folder
        self._executor = executor
        self._force = force
        self._progress = progress
        self._finished = finished
        self._environment = current_environment()
        self._outcome = RunOutcome(folder.path)

    def run(self, placement: Placement, work: PlacedWork) -> RunOutcome:
        from duetbench.records import to_json

        self._folder.write_json("plan.json", plan_content(self._plan))
        self._folder.write_json("env.json", to_json(self._environment))
        self._progress.start(len(self._plan.cells))
        with closing(placement.compute(work)) as ends:  # after an interrupt, what runs elsewhere is ended at once
            for end in ends:
                self._ended_elsewhere(end)
        self._executor.skip_trainings(work.failed_trainings)
        self.compute()
        self._write_leaderboard()
        return self._outcome

    def compute(self) -> RunOutcome:
        """Computes the cells that have not ended elsewhere."""
        cells = [cell for cell in self._plan.cells if cell.id not in self._outcome.states]
        waiting = [cell for cell in cells if not self._try(cell, wait=False)]
        for cell in waiting:
            self._progress.cell(_short_title(cell))
            self._progress.status("computed by another process")
            self._try(cell, wait=True)
        return self._outcome

    def _ended_elsewhere(self, end: CellEnd) -> None:
        from duetbench.records import read_record

        if end.state == "done":
            record = read_record(self._folder.cell(end.cell))
            self._progress.print_line(f"{_title(end.cell)}: {_short(record, self._coverage)}")
        elif end.state != "found":
            self._without_result(end.cell, end.state, end.reason)
        self._ended(end.cell, end.state)

    def _try(self, cell: Cell, *, wait: bool) -> bool:
        """Computes a cell unless it is finished; False if another process computes it and `wait` is False."""
        from filelock import FileLock, Timeout

        path = self._folder.cell(cell)
        if not self._force and self._finished.contains(cell, path):
            return self._ended(cell, "found")
        path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path / "lock")
        try:
            lock.acquire(blocking=wait)
        except Timeout:
            return False
        try:
            # The process that held the lock may have finished the cell, which then satisfies --force too.
            if (wait or not self._force) and self._finished.contains(cell, path):
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
        from duetbench.runner.output.recording import ERROR, ExecutionContext, write_done, write_failed

        self._progress.cell(_short_title(cell))
        for partial in path.glob(".*"):  # of a process that was killed
            partial.unlink()
        state = CellState(cell)
        started, clock = utc_now(), time.monotonic()

        def context() -> ExecutionContext:
            return ExecutionContext(started, time.monotonic() - clock, self._environment)

        try:  # plugins and models may raise anything, even SystemExit; one failing cell must not stop the grid
            self._executor.run(state)
            check_some_prediction(state)
            record = write_done(state, path, context(), self._plan.metrics)
        except (StoreError, KeyboardInterrupt):  # the other cells would fail as well
            raise
        except BaseException as error:
            if isinstance(error, OSError) and error.errno in _CANNOT_WRITE:
                raise
            if not self._finished.contains(cell, path):  # a failed --force does not replace a finished result
                write_failed(state, path, context(), error)
            if not isinstance(error, DuetbenchError):
                (path / ERROR).write_text(traceback.format_exc(), encoding="utf-8")
            return self._failed(cell, error, path / ERROR)
        finally:
            self._outcome.times.add(state)
        self._progress.print_line(f"{_title(cell)}: {_short(record, self._coverage)}")
        return "done"

    def _failed(self, cell: Cell, error: BaseException, trace: Path) -> State:
        reason = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, NotApplicable):
            return self._without_result(cell, "left out", reason)
        if not isinstance(error, DuetbenchError):
            reason = f"{type(error).__name__}: {reason} (traceback in {trace})"
        return self._without_result(cell, "failed", reason)

    def _without_result(self, cell: Cell, state: State, reason: str) -> State:
        listed = self._outcome.left_out if state == "left out" else self._outcome.failures
        listed.append((cell, reason))
        self._progress.print_line(f"{_title(cell)}: {'left out' if state == 'left out' else 'FAILED'}: {reason}")
        return state

    def _write_leaderboard(self) -> None:
        """Writes the board of all cells in the folder, which may hold those of other plans as well."""
        from duetbench.leaderboard import collect
        from duetbench.leaderboard.formats import render
        from duetbench.leaderboard.read_results import cell_folders

        own = {self._folder.cell(cell) for cell in self._plan.cells}
        self._outcome.board = board = collect(sorted(own), self._plan.metrics)
        if own != set(cell_folders(self._folder.path)):
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
    added = [f"({text})" for text in (cell.label, cell.control.name if cell.control else "") if text]
    return " ".join([*parts, *added])


def _short_title(cell: Cell) -> str:
    """A title that fits in front of a progress bar."""
    name = cell.writing.strategy.name if cell.writing else cell.scorer.name
    return f"{name} ({cell.control.name})" if cell.control else name


def _short(record: Record, coverage: float) -> str:
    """The result in one line; below this coverage with the reason of the first missing prediction."""
    metrics = record.metrics
    assert metrics is not None
    mae = metrics.over[metrics.fill].values.get("mae", {}).get("raw")
    n_readable, n = metrics.n_readable, metrics.n
    filled = "" if n_readable == n else f", the others filled with {metrics.fill}"
    shown = "" if mae is None else f"MAE {mae:.3f}, "
    is_low = (metrics.coverage or 0.0) < coverage and record.first_failure
    reason = f"; first of the others: {record.first_failure}" if is_low else ""
    return f"{shown}{n_readable} of {n} readable{filled}, {_duration(record)}{reason}"


def _duration(record: Record) -> str:
    if not record.training_seconds or record.evaluation_seconds is None:
        return f"{record.seconds:.1f} s"
    return f"training {record.training_seconds:.1f} s, evaluation {record.evaluation_seconds:.1f} s"
