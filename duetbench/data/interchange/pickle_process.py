"""The process that reads a pickle: it can neither use much memory nor reach anything but one output file.

Run as `python -m duetbench.data.interchange.pickle_process INPUT OUTPUT`. It writes the table as Arrow IPC, and on the
standard output nothing if it succeeds, otherwise a JSON object with `kind` (`unsafe` or `invalid`) and `message`.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from pathlib import Path
from typing import IO, Any

_BASE_BYTES = 1 << 30
_BYTES_PER_BYTE = 40
"""Memory for each byte of the file: a Python object per value, a copy as columns, and room."""

_FORBIDDEN = (
    *("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "subprocess.Popen", "pty.spawn"),
    *("socket.", "ctypes.", "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate"),
    *("os.chmod", "os.chown", "os.putenv", "os.kill", "shutil.", "urllib.", "ftplib.", "smtplib.", "webbrowser."),
)


def main(source: Path, target: Path) -> None:
    """Converts a pickle to Arrow IPC, or prints why not."""
    import pandas as pd  # type: ignore[import-untyped]
    import polars as pl

    from duetbench.data.interchange.pickle_checks import Refused, TableUnpickler

    _write(pd.DataFrame({"a": ["b"]}), io.BytesIO())  # what this imports and starts needs no room below the limit
    content = source.read_bytes()
    with target.open("wb") as output:
        _limit_memory(len(content))
        sys.addaudithook(_audit)
        try:
            _write(TableUnpickler(content).load(), output)
        except Refused as error:
            _report("unsafe", str(error))
        except MemoryError:
            _report("unsafe", f"it needs more than {_allowance(len(content)) >> 20:,} MB of memory")
        except _NoTable as error:
            _report("invalid", str(error))
        except (Exception, pl.exceptions.PanicException) as error:  # a damaged pickle may raise any error
            _report("invalid", f"is not an intact pickled table: {type(error).__name__}: {error}")


class _NoTable(Exception):
    """The pickle is intact and holds something else."""


def _write(table: Any, output: IO[bytes]) -> None:
    import pandas as pd
    import polars as pl

    if not isinstance(table, pd.DataFrame):
        raise _NoTable(f"contains a {type(table).__name__}, expected a pandas table")
    try:
        frame = pl.from_pandas(table, include_index=any(name is not None for name in table.index.names))
    except MemoryError:
        raise
    except Exception as error:  # a column of mixed objects may raise any error
        raise _NoTable(f"has columns that cannot be converted to a table: {error}") from error
    frame.write_ipc(output)


def _allowance(n_bytes: int) -> int:
    return _BASE_BYTES + _BYTES_PER_BYTE * n_bytes


def _limit_memory(n_bytes: int) -> None:
    """Limits what is allocated from now on, where the system can."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limit = pages * os.sysconf("SC_PAGE_SIZE") + _allowance(n_bytes)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    is_written = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if is_written or event.startswith(_FORBIDDEN):
        raise RuntimeError(f"a pickle may not use {event}")


def _report(kind: str, message: str) -> None:
    print(json.dumps({"kind": kind, "message": " ".join(message.split())[:400]}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
