"""Times workloads in separate processes, so that memory and caches of other workloads do not count."""

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
    """Time and memory of one run of a workload."""

    seconds: float
    """Wall time, without process start and imports."""
    cpu_seconds: float
    """CPU time of all threads."""
    peak_mb: float
    """Peak resident memory of the process in MB, including interpreter and libraries."""
    result: Mapping[str, Any] = field(default_factory=dict)
    """Values that the workload reported, to compare results."""


def time_workload(module: str, arguments: Sequence[str]) -> TimedRun:
    """One run of `python -m module arguments`, which must call `report`.

    Raises:
        DuetbenchError: the workload failed.
    """
    command = [sys.executable, "-m", module, *arguments]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode:
        last = process.stderr.strip().splitlines()[-1:] or ["no message"]
        raise DuetbenchError(f"the measurement `{module} {' '.join(arguments)}` failed: {last[0]}")
    return TimedRun(**json.loads(process.stdout.splitlines()[-1]))


def fastest_runs(workloads: Mapping[str, tuple[str, Sequence[str]]], *, repeats: int) -> dict[str, TimedRun]:
    """The fastest run of each workload; they alternate, so that load of the machine affects all alike.

    Raises:
        DuetbenchError: a workload failed.
    """
    runs: dict[str, list[TimedRun]] = {name: [] for name in workloads}
    for _ in range(repeats):
        for name, (module, arguments) in workloads.items():
            runs[name].append(time_workload(module, arguments))
    return {name: min(timed, key=lambda run: run.seconds) for name, timed in runs.items()}


@dataclass
class Clock:
    """Wall and CPU time of a block: `with Clock() as clock: ...`."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def __enter__(self) -> Clock:
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._wall
        self.cpu_seconds = time.process_time() - self._cpu


def report(clock: Clock, **result: Any) -> None:
    """Prints the measured values for the parent process."""
    values = {"seconds": clock.seconds, "cpu_seconds": clock.cpu_seconds, "peak_mb": peak_mb(), "result": result}
    print(json.dumps(values))


def peak_mb() -> float:
    """Peak resident memory of this process in MB.

    Read from /proc if possible: `getrusage` may include the parent's peak from before the program was loaded.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1024)
