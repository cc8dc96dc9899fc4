"""Finds and removes the folders that `duetbench run` has written."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import ExitStack
from pathlib import Path

from duetbench.errors import RecordError, UnknownName

RUNS = Path("runs")
"""Where runs are without `--out`."""
PLAN = "plan.json"
CELLS = "cells"

REPORT = "report.html"
"""The file that `duetbench report` writes."""

_FILES = (PLAN, "env.json", "leaderboard.md", "leaderboard.json", REPORT)
_FOLDERS = (CELLS, "trainings")


def is_run_folder(path: Path) -> bool:
    """Whether `duetbench run` has written the folder."""
    return (path / PLAN).is_file() and (path / CELLS).is_dir()


def run_folders(parent: Path = RUNS) -> list[Path]:
    """The runs in a folder, by name; the folder itself if it is a run; empty if there is no such folder."""
    if is_run_folder(parent):
        return [parent]
    return sorted(path for path in parent.glob("*") if is_run_folder(path))


def find_run(text: str) -> Path:
    """The folder of a run, given as a path or as its name in `runs`.

    Raises:
        UnknownName: there is no such folder.
        RecordError: the folder is not one of a run.
    """
    candidates = [Path(text), RUNS / text]
    for path in candidates:
        if is_run_folder(path):
            return path
    existing = [path for path in candidates if path.exists()]
    if not existing:
        raise UnknownName("run", text, [path.name for path in run_folders()])
    raise RecordError(f"{existing[0]} is no folder of a run: it has no {PLAN} next to a folder {CELLS}")


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder; links are not followed."""
    paths = (Path(parent, name) for parent, _, names in os.walk(folder) for name in names)
    return sum(path.lstat().st_size for path in paths)


def remove_run(folder: Path) -> list[Path]:
    """Removes what a run has written, and the folder if nothing else is in it; returns what else is in it.

    Raises:
        RecordError: the folder is not one of a run, its plan is damaged, it is a link, or a process is working in it.
            Nothing is removed.
    """
    if not is_run_folder(folder):
        raise RecordError(f"{folder} is no folder of a run: nothing is removed")
    if not _has_written_plan(folder):
        raise RecordError(
            f"{folder / PLAN} is not one that `duetbench run` has written, or is damaged: nothing is removed; repeat "
            "its command, or remove the folder yourself"
        )
    if folder.is_symlink():
        raise RecordError(f"{folder} is a link to {folder.resolve()}: nothing is removed; name that folder")
    with ExitStack() as locks:
        _lock(folder, locks)
        for path in [folder / name for name in (*_FOLDERS, *_FILES)]:
            _remove(path)
    others = sorted(folder.iterdir())
    if not others:
        folder.resolve().rmdir()  # `.` itself cannot be removed under that name
    return others


def _has_written_plan(folder: Path) -> bool:
    """Whether the plan lists cells, as a run writes it: others have files and folders of these names, too."""
    try:
        cells = json.loads((folder / PLAN).read_bytes())["cells"]
        return isinstance(cells, list) and all(isinstance(cell["folder"], str) for cell in cells)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def _lock(folder: Path, locks: ExitStack) -> None:
    """Takes the locks of all cells and trainings, which a working process holds.

    Raises:
        RecordError: a lock is held.
    """
    from filelock import FileLock, Timeout

    for path in sorted([*folder.glob(f"{CELLS}/*/lock"), *folder.glob("trainings/*.lock")]):
        try:
            locks.enter_context(FileLock(path, blocking=False))
        except Timeout:
            name = path.parent.name if path.name == "lock" else path.stem
            raise RecordError(f"a process is computing {name} of {folder}: nothing is removed; stop it first") from None


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)
