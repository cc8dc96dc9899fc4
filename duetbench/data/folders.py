"""Atomic folders and files of data, with errors that state a remedy; see `duetbench.atomic`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import polars as pl

from duetbench import atomic
from duetbench.errors import DataError


@contextmanager
def new_folder(target: Path, *, replace: bool = False) -> Iterator[Path]:
    """A folder to fill, see `atomic.atomic_folder`.

    Raises:
        DataError: the location cannot be written, or the disk is full.
    """
    with ExitStack() as stack:
        try:
            partial = stack.enter_context(atomic.atomic_folder(target, replace=replace))
        except OSError as error:
            raise DataError(
                f"{target.parent} cannot be written ({error.strerror}): "
                "choose another location (for the cache: DUETBENCH_CACHE)"
            ) from error
        with _disk_full_explained(target):
            yield partial
            stack.close()


@contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """A file to write, see `atomic.atomic_file`.

    Raises:
        DataError: the location cannot be written, or the disk is full.
    """
    try:
        with _disk_full_explained(target), atomic.atomic_file(target) as partial:
            yield partial
    except OSError as error:
        raise DataError(f"{target} cannot be written: {error.strerror or error}") from error


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder, see `atomic.scratch_folder`.

    Raises:
        DataError: the disk is full, or temporary files cannot be written.
    """
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(atomic.scratch_folder())
        except OSError as error:
            raise DataError(f"temporary files cannot be written ({error.strerror}): set TMPDIR to a folder") from error
        try:
            yield folder
        except OSError as error:
            if not atomic.is_disk_full(error):
                raise
            folder = Path(tempfile.gettempdir())
            raise DataError(f"no space left in {folder} to unpack into: free some, or set TMPDIR to another") from error


@contextmanager
def _disk_full_explained(target: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        if not atomic.is_disk_full(error):
            raise
        raise DataError(
            f"no space left for {target}: free some, or choose another disk (for the cache: DUETBENCH_CACHE)"
        ) from error
