"""Atomic files and folders: written under a temporary name, synced to disk, then renamed.

A reader sees the old content or the new one, never a part of it, also after a power failure.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_PARTIAL = re.compile(r"\.partial-(?P<host>.+)-(?P<process>\d+)-.*", re.DOTALL)


@contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """A file to write, which replaces `target` when the block succeeds and is removed otherwise.

    Raises:
        OSError: the location cannot be written, or the disk is full.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(_prefix() + target.name)
    try:
        yield partial
        _sync(partial)
        partial.replace(target)
        _sync(target.parent)
    finally:
        partial.unlink(missing_ok=True)


def write_text(target: Path, text: str, *, errors: str = "strict") -> None:
    """Writes a file of UTF-8 text; see `atomic_file`.

    Args:
        errors: How characters that UTF-8 cannot encode are handled, as in `str.encode`.
    """
    with atomic_file(target) as partial:
        partial.write_text(text, encoding="utf-8", errors=errors)


def write_json(target: Path, value: Any, *, indent: int | None = 2, sort_keys: bool = False) -> None:
    """Writes a JSON file; values without a JSON form, such as paths, become text."""
    text = json.dumps(value, indent=indent, ensure_ascii=False, default=str, sort_keys=sort_keys)
    write_text(target, text + "\n", errors="backslashreplace")


def write_json_lines(target: Path, entries: Iterable[Any]) -> None:
    """Writes a file with one JSON value per line."""
    text = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
    write_text(target, text, errors="backslashreplace")


def append_json_line(target: Path, entry: Any) -> None:
    """Adds a line with a JSON value, on the disk before this returns."""
    with target.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def atomic_folder(target: Path, *, replace: bool = False) -> Iterator[Path]:
    """A folder to fill, which becomes `target` when the block succeeds and is removed otherwise.

    Args:
        target: Its final name.
        replace: Whether an existing folder is replaced. Otherwise one that another process made in the meantime is
            kept: both were made from the same inputs.

    Raises:
        OSError: the location cannot be written, or the disk is full.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(target.parent)
    partial = Path(tempfile.mkdtemp(prefix=_prefix(), dir=target.parent))
    try:
        yield partial
        for path in partial.rglob("*"):
            if path.is_file():
                _sync(path)
        if replace and target.exists():
            old = Path(tempfile.mkdtemp(prefix=_prefix(), dir=target.parent))
            target.rename(old / "old")
            _move(partial, target)
            shutil.rmtree(old)
        else:
            _move(partial, target)
        _sync(target.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder among the system's temporary files, removed when the block ends; see TMPDIR.

    Raises:
        OSError: it cannot be written.
    """
    parent = Path(tempfile.gettempdir())
    remove_abandoned(parent)
    with tempfile.TemporaryDirectory(prefix=_prefix(), dir=parent) as name:
        yield Path(name)


def remove_abandoned(folder: Path) -> None:
    """Removes the unfinished files and folders of killed processes of this machine."""
    for path in folder.glob(".partial-*"):
        match = _PARTIAL.fullmatch(path.name)
        if match and match["host"] == socket.gethostname() and not _is_alive(int(match["process"])):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def is_disk_full(error: BaseException) -> bool:
    """Whether an error of the system or of a library means that no space is left."""
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "os error 28" in str(error)


def _prefix() -> str:
    """Prefix of the names of this process's unfinished files and folders."""
    return f".partial-{socket.gethostname()}-{os.getpid()}-"


def _sync(path: Path) -> None:
    """Waits until a file, or the entries of a folder, are on the disk; some file systems cannot sync folders."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF) or not path.is_dir():
            raise
    finally:
        os.close(handle)


def _move(partial: Path, target: Path) -> None:
    try:
        partial.chmod(0o755)  # mkdtemp makes it private
        partial.rename(target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def _is_alive(process: int) -> bool:
    with suppress(PermissionError):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
    return True
