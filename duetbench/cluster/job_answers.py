"""The answers of a job: it starts with the known ones and appends new ones to a log, which the driver stores.

SQLite's write-ahead log does not work over network file systems, so a job works on a copy on its own disk. The log is a
file of JSON lines: a job that is killed loses the line in flight, and resumes from the others.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Collection, Iterable
from dataclasses import asdict
from pathlib import Path

from duetbench.digests import digest_of_text
from duetbench.documents.json_text import parse_json
from duetbench.engines.store.database import RequestOutcome, RequestStore
from duetbench.engines.store.keys import RequestKey
from duetbench.errors import DocumentError, StoreError

KNOWN = "known.sqlite"
"""Copy of the answers that were known when the jobs were submitted."""
NEW = "answers.jsonl"
"""Log of the answers that the job has computed."""


class JobStore(RequestStore):
    """The request store of a job, on the disk of its machine.

    Args:
        known: A copy of the answers that are known; there may be none.
        folder: The job's folder.
    """

    def __init__(self, known: Path, folder: Path) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="duetbench-")
        file = Path(self._scratch.name) / "requests.sqlite"
        if known.is_file():
            shutil.copyfile(known, file)
        super().__init__(file)
        self._log = folder / NEW
        computed, end = read_answers(self._log)
        super().put(computed)
        if self._log.is_file() and end < self._log.stat().st_size:
            os.truncate(self._log, end)  # a killed job left half of a line

    def put(self, outcomes: Iterable[RequestOutcome], *, damaged: Collection[str] = ()) -> None:
        outcomes = list(outcomes)
        super().put(outcomes, damaged=damaged)
        lines = "".join(f"{json.dumps(asdict(outcome))}\n" for outcome in outcomes)
        try:
            with self._log.open("a", encoding="utf-8") as file:
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StoreError(f"{self._log} cannot be written ({error.strerror or error})") from error

    def close(self) -> None:
        super().close()
        self._scratch.cleanup()


def read_answers(log: Path, start: int = 0) -> tuple[list[RequestOutcome], int]:
    """The answers in a log from a byte on, and the position after the last complete line.

    A line whose key does not belong to its content, such as one that was cut when its job was killed, is left out.
    """
    if not log.is_file():
        return [], start
    with log.open("rb") as file:
        file.seek(start)
        content = file.read()
    complete = content[: content.rfind(b"\n") + 1]
    outcomes = (_outcome(line) for line in complete.splitlines())
    return [outcome for outcome in outcomes if outcome], start + len(complete)


def _outcome(line: bytes) -> RequestOutcome | None:
    try:
        values = parse_json(line, name=NEW)
        key = RequestKey(**values.pop("key"))
        outcome = RequestOutcome(key, **values)
    except (DocumentError, TypeError, AttributeError, KeyError):
        return None
    parts = (key.verb, key.engine, key.settings, key.content)
    is_text = all(isinstance(part, str) for part in (*parts, key.prompt_key, outcome.status, outcome.error))
    is_whole = is_text and key.digest == digest_of_text("\n".join(parts))
    return outcome if is_whole and isinstance(outcome.answer, dict | None) else None
