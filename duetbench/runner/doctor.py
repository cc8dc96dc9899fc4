"""Checks the installation: packages, hardware, cache, models, plugins, engines."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

from duetbench import __version__
from duetbench.errors import DuetbenchError
from duetbench.interfaces import PLURALS, Engine
from duetbench.paths import cache_dir
from duetbench.plugins import Plugins, RegisteredPlugin
from duetbench.types import Message, ModelRef, Prompt, Sampling

PROBE_MODEL = "toy-lm"
"""The model that ships with the package; engines that run local weights are tried with it."""

_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
"""CPU features that determine the speed of matrix products, and whether bf16 is supported."""

_EXTRAS = {
    "train": "trainers sft, dpo, grpo",
    "data": "large raw files",
    "ray": "runs on a Ray cluster",
    "slurm": "runs as Slurm jobs",
}
"""Purposes of the optional dependencies."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The result of one check."""

    section: str
    what: str
    found: str
    state: Literal["ok", "warning", "error"] = "ok"
    """warning: something does not work, but runs are possible; error: no run is possible."""
    advice: str = ""
    """What to do; empty if nothing."""


def packages() -> Iterator[Diagnosis]:
    """Versions of Python and of every dependency, compared with the supported versions."""
    yield Diagnosis("packages", "duetbench", f"{__version__}, Python {platform.python_version()}")
    for name, bounds, extra in _requirements():
        yield _package(name, bounds, extra)


def _requirements() -> Iterator[tuple[str, str, str]]:
    """Name, version bounds and extra (empty: always required) of each dependency, except those for development."""
    reported: set[str] = set()
    for line in requires("duetbench") or ():
        requirement, _, marker = line.partition(";")
        match = re.fullmatch(r"\s*([A-Za-z0-9._-]+)\s*(?:\[[^\]]*\])?\s*(.*?)\s*", requirement)
        extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)['\"]", marker)
        if match and match[1] not in reported and (extra is None or extra[1] in _EXTRAS):
            reported.add(match[1])
            yield match[1], match[2].strip("() "), extra[1] if extra else ""


def _package(name: str, bounds: str, extra: str) -> Diagnosis:
    install = f"pip install 'duetbench[{extra}]'" if extra else "pip install --upgrade duetbench"
    purpose = f", for {_EXTRAS[extra]}" if extra else ""
    try:
        installed = version(name)
    except PackageNotFoundError:
        state: Literal["warning", "error"] = "warning" if extra else "error"
        return Diagnosis("packages", name, f"not installed{purpose}", state, install)
    if bounds and not _fits(installed, bounds):
        return Diagnosis("packages", name, f"{installed}, supported: {bounds}", "warning", install)
    return Diagnosis("packages", name, installed)


def _fits(installed: str, bounds: str) -> bool:
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(bounds).contains(installed, prereleases=True)


def hardware() -> Iterator[Diagnosis]:
    """Cores, memory, CPU features, GPUs."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    yield Diagnosis("hardware", "CPU", f"{cores} cores, {_cpu_flags()}")
    memory = _memory_gib()
    if memory is not None:
        yield Diagnosis("hardware", "memory", f"{memory:.0f} GiB")
    yield _gpus()


def _cpu_flags() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])
    relevant = [flag for flag in _FLAGS if flag in flags]
    bf16 = "" if {"avx512_bf16", "amx_bf16"} & set(relevant) else "; no fast bf16, so models run in fp32"
    return f"{', '.join(relevant) or platform.machine()}{bf16}"


def _memory_gib() -> float | None:
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    except (AttributeError, ValueError, OSError):
        return None


def _gpus() -> Diagnosis:
    program = shutil.which("nvidia-smi")
    if program is None:
        return Diagnosis(
            "hardware", "GPU", "none found: models beyond a few hundred million parameters are impractical"
        )
    command = [program, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.split("\n")
    except (OSError, subprocess.SubprocessError) as error:
        return Diagnosis(
            "hardware", "GPU", f"nvidia-smi fails ({error})", "warning", "fix the driver, or continue without a GPU"
        )
    names = "; ".join(line.strip() for line in listed if line.strip())
    if names and "+cpu" in _version("torch"):
        advice = "pip install torch from the index for your CUDA version (see pytorch.org)"
        return Diagnosis("hardware", "GPU", f"{names}, but torch is a CPU build", "warning", advice)
    return Diagnosis("hardware", "GPU", names or "none found by nvidia-smi")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def cache() -> Iterator[Diagnosis]:
    """The cache of prepared data, models and completions."""
    folder = cache_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        advice = "set DUETBENCH_CACHE to a folder that can be written"
        yield Diagnosis("cache", "folder", f"{folder} cannot be written ({error.strerror})", "error", advice)
        return
    yield Diagnosis("cache", "folder", str(folder))
    free = shutil.disk_usage(folder).free / 2**30
    low = free < 1
    yield Diagnosis(
        "cache", "free space", f"{free:.1f} GiB", "warning" if low else "ok", "free some space" if low else ""
    )


def models() -> Iterator[Diagnosis]:
    """The models with a card, and whether they are installed."""
    from duetbench.models import card_names, load_card, resolve

    for name in card_names():
        try:
            card = load_card(name)
        except DuetbenchError as error:
            yield Diagnosis("models", name, str(error), "warning", "fix its card, or reinstall duetbench")
            continue
        try:
            model = resolve(name, pull=False)
        except DuetbenchError:
            command = "build" if card.source.startswith("duetbench ") else "pull"
            yield Diagnosis("models", name, "not installed", advice=f"duetbench models {command} {name}")
        else:
            yield Diagnosis("models", name, model.path)


def plugins(register: Plugins) -> Iterator[Diagnosis]:
    """The plugins of each kind, and which are broken or blocked."""
    for kind, plural in PLURALS.items():
        try:
            classes = register.of_kind(kind)
        except DuetbenchError as error:
            yield Diagnosis("plugins", plural, str(error), "error", "remove one of them")
        else:
            yield Diagnosis("plugins", plural, ", ".join(classes) or "none")
    for broken in dict.fromkeys(register.broken):
        advice = "fix or remove it, or block it with DUETBENCH_DISABLE_PLUGINS"
        yield Diagnosis("plugins", broken.origin, f"broken: {broken.reason}", "warning", advice)
    for name in dict.fromkeys(register.blocked):
        yield Diagnosis("plugins", name, "blocked by DUETBENCH_DISABLE_PLUGINS")


def engines(register: Plugins) -> Iterator[Diagnosis]:
    """Every engine, tried on a short prompt with the smallest model."""
    from duetbench.models import resolve

    try:
        model = resolve(PROBE_MODEL, pull=False)
    except DuetbenchError as error:
        yield Diagnosis("engines", "all", f"not tried: {error}", "warning", f"duetbench models build {PROBE_MODEL}")
        return
    for registered in register.of_kind("engine").values():
        yield _try_engine(registered, model)


def _try_engine(registered: RegisteredPlugin, model: ModelRef) -> Diagnosis:
    name = registered.cls.name
    started = time.monotonic()
    prompt = Prompt("probe", "note", (Message("user", "Say a word."),))
    try:  # a plugin's engine may raise anything
        engine: Engine = registered.cls(model=model)  # type: ignore[call-arg, assignment]
        completion = engine.generate([prompt], Sampling(max_tokens=4))[0]
        engine.close()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        return Diagnosis("engines", name, f"does not work here: {reason}", "warning")
    if completion.status == "error":
        return Diagnosis("engines", name, f"does not work here: {completion.error}", "warning")
    return Diagnosis("engines", name, f"works ({time.monotonic() - started:.1f} s to load and answer)")
