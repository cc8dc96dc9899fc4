"""SHA-256 of raw files; those of large ones are remembered as long as the file is untouched."""

from __future__ import annotations

import json
from pathlib import Path

from duetbench.data.folders import new_file
from duetbench.digests import digest_of_file
from duetbench.errors import DataError

REMEMBERED = "digests.json"
_LARGE = 64 << 20  # bytes; below it, reading the file again takes no time worth remembering


def file_digest(path: Path, memory: Path) -> str:
    """SHA-256 of the file's bytes.

    Args:
        path: The file.
        memory: Folder in which a large file's digest is remembered, by place, size and time of change.

    Raises:
        DataError: it cannot be read.
    """
    try:
        about = path.stat()
        if about.st_size < _LARGE:
            return _digest(path)
        key = f"{path.resolve()} {about.st_size} {about.st_mtime_ns} {about.st_ino}"
        known = _remembered(memory / REMEMBERED)
        if key not in known:
            known[key] = _digest(path)
            with new_file(memory / REMEMBERED) as partial:
                partial.write_text(json.dumps(known, indent=1), encoding="utf-8")
        return known[key]
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def _digest(path: Path) -> str:
    return digest_of_file(path)


def _remembered(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}  # a memory that was lost costs one more reading of the file
    return found if isinstance(found, dict) else {}
