"""A training's own folder: whose it is, how far it came, and what came out. Everything survives a kill at any moment.

```
job.json            what decides the outcome; a folder belongs to one job for ever
checkpoints/        checkpoint-N, each with a mark once it is whole
evaluations.jsonl   one line per evaluation on validation rows
curve.csv curve.png what was logged on the way
best/               the adapter (or the weights) of the best evaluation
result.json         there once the training has ended
```
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from duetbench.atomic import append_json_line, atomic_folder, write_json, write_json_lines
from duetbench.errors import TrainingError

MARK = "whole.json"
"""Written into a checkpoint after everything else: a checkpoint without it was cut off and does not count."""


class TrainingFolder:
    """The files of one training.

    Args:
        path: Created if it is not there.

    Raises:
        TrainingError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.best = path / "best"
        try:
            self.checkpoints.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(f"the training folder {path} cannot be written: {error.strerror}") from error

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps other processes out: who needs the same training waits for it, and then finds it finished."""
        from filelock import FileLock

        with FileLock(self.path / "lock"):
            yield

    def claim(self, identity: Mapping[str, Any]) -> None:
        """Makes the folder this job's.

        Raises:
            TrainingError: it is another job's: its checkpoints would be continued with other settings.
        """
        known = self.job
        wanted = json.loads(json.dumps(identity, default=str))
        if known is None:
            self._write("job.json", wanted)
        elif known != wanted:
            names = sorted(name for name in {*known, *wanted} if known.get(name) != wanted.get(name))
            raise TrainingError(
                f"{self.path} holds another training, which differs in {', '.join(names)}; "
                "delete it or use another folder"
            )

    @property
    def job(self) -> dict[str, Any] | None:
        """Whose the folder is; None: nobody's yet."""
        return self._read("job.json")

    @property
    def result(self) -> dict[str, Any] | None:
        """What came out; None as long as the training has not ended."""
        return self._read("result.json")

    def finish(self, result: Mapping[str, Any]) -> None:
        """Writes the result and removes the checkpoints, which nothing needs any more."""
        self._write("result.json", result)
        shutil.rmtree(self.checkpoints, ignore_errors=True)

    def discard(self) -> None:
        """Removes all weights: what they were trained from cannot be trusted."""
        for path in (self.checkpoints, self.best):
            shutil.rmtree(path, ignore_errors=True)
        self.checkpoints.mkdir()

    def mark(self, step: int) -> None:
        """Says that the checkpoint of a step is whole, and removes all but the two latest."""
        self._write(f"checkpoints/checkpoint-{step}/{MARK}", {"step": step})
        for old in self._whole()[:-2]:
            shutil.rmtree(self._checkpoint(old), ignore_errors=True)

    def last_checkpoint(self) -> Path | None:
        """The latest whole checkpoint; what was cut off is removed. None: there is none yet."""
        whole = self._whole()
        for path in self.checkpoints.glob("*"):
            if path.is_dir() and not (path / MARK).is_file():
                shutil.rmtree(path, ignore_errors=True)
        return self._checkpoint(whole[-1]) if whole else None

    def _whole(self) -> list[int]:
        marks = self.checkpoints.glob(f"checkpoint-*/{MARK}")
        return sorted(int(mark.parent.name.removeprefix("checkpoint-")) for mark in marks)

    def _checkpoint(self, step: int) -> Path:
        return self.checkpoints / f"checkpoint-{step}"

    def keep_best(self, source: Path, names: tuple[str, ...]) -> None:
        """Copies a checkpoint's weights to `best`, whole or not at all.

        Args:
            source: The checkpoint.
            names: Patterns of the files to copy.
        """
        with atomic_folder(self.best, replace=True) as partial:
            for path in sorted({path for name in names for path in source.glob(name)}):
                shutil.copy2(path, partial / path.name)

    def _read(self, name: str) -> dict[str, Any] | None:
        path = self.path / name
        if not path.is_file():
            return None
        try:
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise TrainingError(f"{path} is damaged ({error}); delete {self.path} to train anew") from error
        return content

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        write_json(self.path / name, content, indent=1)


class JsonLinesLog:
    """A file of JSON lines, one per step, that a resumed training continues where its checkpoint stands.

    Args:
        path: The file; need not be there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[dict[str, Any]]:
        """All whole lines; a last one that was cut off does not count."""
        if not self.path.is_file():
            return []
        lines = self.path.read_text(encoding="utf-8").split("\n")[:-1]
        return [json.loads(line) for line in lines]

    def append(self, entry: Mapping[str, Any]) -> None:
        """Adds a line, on the disk before this returns."""
        append_json_line(self.path, entry)

    def rewind(self, step: int) -> None:
        """Forgets what came after a step."""
        kept = [entry for entry in self.read() if entry["step"] <= step]
        write_json_lines(self.path, kept)
