"""Times a piece of work in a process of its own, so that memory and warm caches of others do not count."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from duetbench.errors import DuetbenchError


@dataclass(frozen=True, slots=True)
class TimedRun:
    """What one piece of work cost."""

    seconds: float
    """Wall clock, without starting the process and its imports."""
    cpu_seconds: float
    """Over all threads."""
    peak_mb: float
    """Largest resident memory of the process, interpreter and libraries included."""
    result: Mapping[str, Any] = field(default_factory=dict)
    """What the work says of itself."""


def measured(module: str, arguments: Sequence[str], *, repeats: int = 1) -> TimedRun:
    """The fastest of some runs of `python -m module arguments`, which prints what `report` prints.

    Raises:
        DuetbenchError: the work failed.
    """
    return min((_once(module, arguments) for _ in range(repeats)), key=lambda found: found.seconds)


def alternated(works: Mapping[str, tuple[str, Sequence[str]]], *, repeats: int) -> dict[str, TimedRun]:
    """The fastest run of each piece of work, taken in turns, so that a busy minute of the machine hits all alike."""
    runs: dict[str, list[TimedRun]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, (module, arguments) in works.items():
            runs[name].append(_once(module, arguments))
    return {name: min(found, key=lambda one: one.seconds) for name, found in runs.items()}


def _once(module: str, arguments: Sequence[str]) -> TimedRun:
    done = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise DuetbenchError(f"the measurement `{module} {' '.join(arguments)}` failed: {last[0]}")
    return TimedRun(**json.loads(done.stdout.splitlines()[-1]))


@dataclass
class Clock:
    """Measures a block inside the process: `with Clock() as clock: ...`."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def __enter__(self) -> Clock:
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._wall
        self.cpu_seconds = time.process_time() - self._cpu


def report(clock: Clock, **result: Any) -> None:
    """Prints what `measured` reads."""
    found = {"seconds": clock.seconds, "cpu_seconds": clock.cpu_seconds, "peak_mb": peak_mb(), "result": result}
    print(json.dumps(found))


def peak_mb() -> float:
    """The largest resident memory of this process so far.

    The kernel's own mark, since `getrusage` may still hold the parent's from before the program was loaded.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1024)
