"""SHA-256 digests of raw files; those of large files are cached until the file changes."""

from __future__ import annotations

import json
from pathlib import Path

from duetbench.data.folders import new_file
from duetbench.digests import digest_of_file
from duetbench.documents.json_text import load_json
from duetbench.errors import DataError, DocumentError

DIGEST_CACHE = "digests.json"
_MIN_CACHED_BYTES = 64 << 20  # smaller files are read again each time, which takes a fraction of a second


def file_digest(path: Path, cache: Path) -> str:
    """SHA-256 of the file's bytes.

    Args:
        path: The file.
        cache: Folder in which digests of large files are kept, by path, size, modification time and inode.

    Raises:
        DataError: it cannot be read.
    """
    try:
        stat = path.stat()
        if stat.st_size < _MIN_CACHED_BYTES:
            return digest_of_file(path)
        key = f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns} {stat.st_ino}"
        known = _read_cache(cache / DIGEST_CACHE)
        if key not in known:
            known[key] = digest_of_file(path)
            with new_file(cache / DIGEST_CACHE) as partial:
                partial.write_text(json.dumps(known, indent=1), encoding="utf-8")
        return known[key]
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def _read_cache(path: Path) -> dict[str, str]:
    try:
        content = load_json(path)
    except (FileNotFoundError, DocumentError):
        return {}  # a lost or damaged cache costs one more reading of the file
    return content if isinstance(content, dict) else {}
