"""What vLLM's processes print, from which the reason of a failure is read.

vLLM runs the weights in processes of its own. When one of them dies, the error that reaches the parent is always the
same ("Engine core initialization failed. See root cause above"); the reason is only in what the process printed.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ERROR = re.compile(r"(?:^|[\s\]])((?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception)): (\S.*)$")
"""The last line of a traceback, with or without the prefix of a log line."""

_GENERIC = re.compile(r"root cause|initialization failed|stack trace|EngineCore encountered an issue", re.IGNORECASE)
"""Errors that only refer to another one."""

_CHAINED = ("During handling of the above exception", "The above exception was the direct cause")

_EXIT_CODE = re.compile(r"'[\w-]+': (-\d+)")
"""A process in vLLM's list of failed ones that a signal ended."""

_MAX_LENGTH = 300


class ProcessLog:
    """A temporary file with the output of vLLM's processes."""

    def __init__(self) -> None:
        descriptor, name = tempfile.mkstemp(prefix="duetbench-vllm-", suffix=".log")
        self.path = Path(name)
        self._descriptor = descriptor

    @contextmanager
    def capture(self) -> Iterator[None]:
        """Redirects this process's stdout and stderr into the file; processes that start meanwhile keep doing so."""
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        saved = [(number, os.dup(number)) for number in (1, 2)]
        try:
            for number, _ in saved:
                os.dup2(self._descriptor, number)
            yield
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            for number, original in saved:
                os.dup2(original, number)
                os.close(original)

    def reason(self, error: BaseException) -> str:
        """Why vLLM failed, in one line.

        Args:
            error: What the parent process caught.
        """
        return root_cause(self.path.read_text(encoding="utf-8", errors="replace")) or reason_of(error)

    def close(self) -> None:
        """Keeps the file for the user. Running processes still write to it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def discard(self) -> None:
        """Removes the file; the space of what running processes still write is freed when they end."""
        self.close()
        self.path.unlink(missing_ok=True)


def root_cause(log: str) -> str | None:
    """The error that began a failure: the first one in the log, or the last one of its chain; None if there is none.

    Errors that only refer to another one do not count.
    """
    found: str | None = None
    is_chained = False
    for line in log.splitlines():
        if any(text in line for text in _CHAINED):
            is_chained = True
        elif match := _ERROR.search(line.rstrip()):
            if not _GENERIC.search(match[2]) and (found is None or is_chained):
                found = f"{match[1].rpartition('.')[2]}: {match[2]}"
            is_chained = False
    return _shortened(found) if found else None


def reason_of(error: BaseException) -> str:
    """The reason as far as the parent's own error has it."""
    text = str(error)
    if code := _EXIT_CODE.search(text):
        name = signal.Signals(-int(code[1])).name
        note = ", probably by the system because memory ran out" if name == "SIGKILL" else ""
        return f"its process was ended by {name}{note}"
    return _shortened(f"{type(error).__name__}: {text}")


def _shortened(text: str) -> str:
    """One line of bounded length, without the inputs that pydantic appends."""
    text = re.sub(r"\[type=\w+, input_value=.*", "", " ".join(text.split()), flags=re.DOTALL)
    return text.strip()[:_MAX_LENGTH]
