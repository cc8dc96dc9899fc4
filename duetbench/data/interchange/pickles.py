"""Reads pickled pandas tables in a process of their own, so that a hostile file can neither run code nor use it up."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl

from duetbench.data.folders import scratch_folder
from duetbench.data.readers.compressed import SUFFIXES, read_blocks
from duetbench.documents.json_text import parse_json
from duetbench.errors import DataError, MissingDependency

_BASE_SECONDS = 120.0
_BYTES_PER_SECOND = 1 << 20
"""Real tables are read ten times as fast; a file gets this much time for its size on top of the base."""


class UnsafePickle(DataError):
    """A pickle that refers to something that is not part of a table, or that exceeds its memory or time."""


def read_pickle(path: Path, *, base_seconds: float = _BASE_SECONDS) -> pl.DataFrame:
    """The columns of the pandas table in a pickle, plain or as .gz or .zst; named index levels are columns.

    Args:
        path: The file.
        base_seconds: Time limit for a small file.

    Raises:
        UnsafePickle: the pickle refers to something that is not pandas or NumPy data, ends the process that reads it,
            or exceeds its memory or time.
        DataError: the file is damaged, or is not a pickled table.
        MissingDependency: pandas is not installed.
    """
    if importlib.util.find_spec("pandas") is None:
        raise MissingDependency(f"{path} needs pandas: pip install pandas")
    with scratch_folder() as folder:
        source = _unpacked(path, folder)
        output = folder / "table.arrow"
        try:
            process = _run(source, output, base_seconds + source.stat().st_size / _BYTES_PER_SECOND)
        except subprocess.TimeoutExpired as error:
            raise _unsafe(path, f"is not read after {error.timeout:.0f} s") from error
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
        _check(path, process)
        return pl.read_ipc(output.read_bytes())


def _unpacked(path: Path, folder: Path) -> Path:
    if path.suffix.lower() not in SUFFIXES[1:]:
        return path
    plain = folder / "unpacked.pkl"
    with plain.open("wb") as stream:
        stream.writelines(read_blocks(path))
    return plain


def _run(source: Path, output: Path, seconds: float) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-P", "-s", "-m", "duetbench.data.interchange.pickle_process", str(source), str(output)]
    # The process gets no other variable: what it reads is hostile, and others may hold keys.
    system = {
        name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR") if name in os.environ
    }
    threads = dict.fromkeys(("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    environment = {**system, **threads, "PYTHONPATH": os.pathsep.join(part for part in sys.path if part)}
    return subprocess.run(
        command, capture_output=True, timeout=seconds, check=False, env=environment, stdin=subprocess.DEVNULL
    )


def _check(path: Path, process: subprocess.CompletedProcess[bytes]) -> None:
    if process.stdout:
        report = parse_json(process.stdout, name="the process that reads a pickle")
        if report["kind"] == "unsafe":
            raise _unsafe(path, report["message"])
        raise DataError(f"{path} {report['message']}")
    if process.returncode < 0:
        raise _unsafe(path, f"ended the process that reads it ({signal.Signals(-process.returncode).name})")
    if process.returncode:
        last = process.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise DataError(f"{path} cannot be read: {' '.join(last)[:300]}")


def _unsafe(path: Path, reason: str) -> UnsafePickle:
    return UnsafePickle(
        f"{path}: {reason}; a pickle that is not a plain table is refused, because loading it could run arbitrary "
        "code: get the table as Parquet"
    )
