"""Folders that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import polars as pl

from duetbench.errors import DataError

_PARTIAL = re.compile(r"\.partial-(?P<host>.+)-(?P<process>\d+)-[^-]+")


@contextmanager
def new_folder(target: Path, *, replace: bool = False) -> Iterator[Path]:
    """A folder to fill, which becomes `target` when the block ends well and vanishes otherwise.

    Args:
        target: Its name in the end.
        replace: Whether it takes the place of a folder of that name. Otherwise one that someone else made in the
            meantime stays: both were made from the same inputs.

    Raises:
        DataError: the place cannot be written, or the disk is full.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(target.parent)
        partial = Path(tempfile.mkdtemp(prefix=_prefix(), dir=target.parent))
    except OSError as error:
        why = f"cannot be written ({error.strerror})"
        raise DataError(f"{target.parent} {why}: choose another place (for the cache: DUETBENCH_CACHE)") from error
    try:
        yield partial
        if replace and target.exists():
            old = Path(tempfile.mkdtemp(prefix=_prefix(), dir=target.parent))
            target.rename(old / "old")
            _move(partial, target)
            shutil.rmtree(old)
        else:
            _move(partial, target)
    except (OSError, pl.exceptions.PolarsError) as error:
        if _is_disk_full(error):
            raise _full(target) from error
        raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder for what nobody needs afterwards, among the system's temporary files.

    Raises:
        DataError: the disk there is full, or it cannot be written.
    """
    try:
        place = Path(tempfile.gettempdir())
        _remove_abandoned(place)
        made = tempfile.TemporaryDirectory(prefix=_prefix(), dir=place)
    except OSError as error:
        raise DataError(f"temporary files cannot be written ({error.strerror}): set TMPDIR to a folder") from error
    with made:
        try:
            yield Path(made.name)
        except OSError as error:
            if not _is_disk_full(error):
                raise
            raise DataError(f"no space left in {place} to unpack into: free some, or set TMPDIR to another") from error


@contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """A file to write, which replaces `target` when the block ends well and vanishes otherwise.

    Raises:
        DataError: the place cannot be written, or the disk is full.
    """
    partial = target.with_name(_prefix() + target.name)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        partial.replace(target)
    except OSError as error:
        if _is_disk_full(error):
            raise _full(target) from error
        raise DataError(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)


def _prefix() -> str:
    """How names begin of what this process has not finished."""
    return f".partial-{socket.gethostname()}-{os.getpid()}-"


def _full(target: Path) -> DataError:
    return DataError(f"no space left for {target}: free some, or choose another disk (for the cache: DUETBENCH_CACHE)")


def _move(partial: Path, target: Path) -> None:
    try:
        partial.chmod(0o755)  # mkdtemp makes it private
        partial.rename(target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def _is_disk_full(error: BaseException) -> bool:
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "os error 28" in str(error)


def _remove_abandoned(folder: Path) -> None:
    """What killed processes of this machine left behind."""
    for path in folder.glob(".partial-*"):
        match = _PARTIAL.fullmatch(path.name)
        if match and match["host"] == socket.gethostname() and not _is_alive(int(match["process"])):
            shutil.rmtree(path, ignore_errors=True)


def _is_alive(process: int) -> bool:
    with suppress(PermissionError):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
    return True
