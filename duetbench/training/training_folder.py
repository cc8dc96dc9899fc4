"""The folder of a training: its identity, checkpoints, logs and result. It is valid after a kill at any moment.

```
job.json            everything that determines the outcome; a folder belongs to one job
checkpoints/        checkpoint-N, each with a marker file once it is complete
evaluations.jsonl   one line per evaluation on validation rows
profiles.jsonl      profiles of a few validation rows at each evaluation
curve.jsonl         one line per update; also as curve.csv and curve.png
best/               the adapter (or the weights) of the best evaluation
result.json         written when the training has ended
```
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from duetbench.atomic import append_json_line, atomic_folder, write_json, write_json_lines
from duetbench.digests import digest_of_file
from duetbench.documents.json_text import load_json, parse_json
from duetbench.errors import DocumentError, TrainingError

MARKER = "whole.json"
"""Written into a checkpoint after everything else, with the digests of its files: a checkpoint without it is incomplete
and ignored."""


class TrainingFolder:
    """The files of one training.

    Args:
        path: Created if it does not exist.

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
    def locked(self) -> Iterator[None]:
        """Locks the folder: another process that needs the same training waits until it is finished."""
        from filelock import FileLock

        with FileLock(self.path / "lock"):
            yield

    def claim(self, identity: Mapping[str, Any]) -> None:
        """Assigns the folder to a job, or checks that it belongs to it.

        Raises:
            TrainingError: it belongs to another job, whose checkpoints must not be continued with other settings.
        """
        existing = self.job
        claimed = json.loads(json.dumps(identity, default=str))
        if existing is None:
            self._write("job.json", claimed)
        elif existing != claimed:
            names = sorted(name for name in {*existing, *claimed} if existing.get(name) != claimed.get(name))
            raise TrainingError(
                f"{self.path} contains another training, which differs in {', '.join(names)}; "
                "delete it or use another folder"
            )

    @property
    def job(self) -> dict[str, Any] | None:
        """The identity of the job that the folder belongs to; None if it is not claimed."""
        return self._read("job.json")

    @property
    def result(self) -> dict[str, Any] | None:
        """The result; None if the training has not ended."""
        return self._read("result.json")

    def finish(self, result: Mapping[str, Any]) -> None:
        """Writes the result and removes the checkpoints, which are no longer needed."""
        self._write("result.json", result)
        shutil.rmtree(self.checkpoints, ignore_errors=True)

    def discard(self) -> None:
        """Removes all weights."""
        for path in (self.checkpoints, self.best):
            shutil.rmtree(path, ignore_errors=True)
        self.checkpoints.mkdir()

    def mark_complete(self, step: int) -> None:
        """Marks the checkpoint of a step as complete, and removes all but the two latest ones."""
        files = _file_digests(self._checkpoint(step))
        self._write(f"checkpoints/checkpoint-{step}/{MARKER}", {"step": step, "files": files})
        for old in self._complete_steps()[:-2]:
            shutil.rmtree(self._checkpoint(old), ignore_errors=True)

    def last_checkpoint(self, on_damaged: Callable[[str], None]) -> Path | None:
        """The latest complete and undamaged checkpoint, None if there is none; the others after it are removed.

        Args:
            on_damaged: Receives a message per damaged checkpoint.
        """
        for path in self.checkpoints.glob("*"):
            if path.is_dir() and not (path / MARKER).is_file():
                shutil.rmtree(path, ignore_errors=True)
        for step in reversed(self._complete_steps()):
            checkpoint = self._checkpoint(step)
            damaged = _damaged_files(checkpoint)
            if not damaged:
                return checkpoint
            on_damaged(
                f"the checkpoint after update {step} is damaged ({', '.join(damaged)}) and was removed; resuming from "
                "the one before it"
            )
            shutil.rmtree(checkpoint, ignore_errors=True)
        return None

    def _complete_steps(self) -> list[int]:
        markers = self.checkpoints.glob(f"checkpoint-*/{MARKER}")
        return sorted(int(marker.parent.name.removeprefix("checkpoint-")) for marker in markers)

    def _checkpoint(self, step: int) -> Path:
        return self.checkpoints / f"checkpoint-{step}"

    def keep_best(self, source: Path, patterns: tuple[str, ...]) -> None:
        """Replaces `best` by a checkpoint's weights, atomically.

        Args:
            source: The checkpoint.
            patterns: Glob patterns of the files to copy.
        """
        with atomic_folder(self.best, replace=True) as partial:
            for path in sorted({path for pattern in patterns for path in source.glob(pattern)}):
                shutil.copy2(path, partial / path.name)

    def _read(self, name: str) -> dict[str, Any] | None:
        return read_content(self.path / name) or None

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        write_json(self.path / name, content, indent=1)


def _file_digests(folder: Path) -> dict[str, str]:
    """SHA-256 of each file below the folder, by relative path; without the marker."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MARKER)
    return {path.relative_to(folder).as_posix(): digest_of_file(path) for path in paths}


def _damaged_files(checkpoint: Path) -> list[str]:
    """The files that are not as they were when the checkpoint was complete; empty for markers without digests."""
    try:
        expected = read_content(checkpoint / MARKER).get("files", {})
        found = _file_digests(checkpoint)
    except (OSError, TrainingError):
        return [MARKER]
    return sorted(name for name, digest in expected.items() if found.get(name) != digest)


def read_content(path: Path) -> dict[str, Any]:
    """The content of a JSON file in a training's folder; empty if there is no such file.

    Raises:
        TrainingError: it is damaged.
    """
    if not path.is_file():
        return {}
    try:
        content = load_json(path)
    except DocumentError as error:
        raise TrainingError(f"{error}; delete {path.parent} to train again") from error
    if not isinstance(content, dict):
        raise TrainingError(f"{path} is not a JSON object; delete {path.parent} to train again")
    return content


class JsonLinesLog:
    """A file of JSON lines, one per step, that a resumed training continues from the step of its checkpoint.

    Args:
        path: The file; may not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[dict[str, Any]]:
        """All complete lines; an incomplete last line is ignored.

        Raises:
            TrainingError: a complete line is damaged.
        """
        if not self.path.is_file():
            return []
        lines = self.path.read_text(encoding="utf-8").split("\n")[:-1]
        try:
            return [parse_json(line, name=f"{self.path}, line {number}") for number, line in enumerate(lines, start=1)]
        except DocumentError as error:
            raise TrainingError(f"{error}; delete {self.path.parent} to train again") from error

    def append(self, entry: Mapping[str, Any]) -> None:
        """Adds a line, on the disk before this returns."""
        append_json_line(self.path, entry)

    def rewind(self, step: int) -> None:
        """Removes the lines of later steps."""
        self.replace(entry for entry in self.read() if entry["step"] <= step)

    def replace(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Writes these entries instead of the present ones."""
        write_json_lines(self.path, list(entries))
