"""Every plugin that the register knows keeps to the checks that strangers' plugins are held to."""

from __future__ import annotations

from unittest import SkipTest

import pytest

from duetbench.interfaces import PLURALS, Kind
from duetbench.plugins import Plugins, Registered
from duetbench.testing import CONFORMANCE, Conformance

_PLUGINS = Plugins(environ={})
_ALL = [registered for kind in PLURALS for registered in _PLUGINS.of_kind(kind).values()]
_CASES = [(registered, check) for registered in _ALL for check in CONFORMANCE[registered.kind].checks()]


def _id(value: object) -> str:
    return f"{value.kind}-{value.cls.name}" if isinstance(value, Registered) else str(value)


def _conformance(kind: Kind, plugin: type) -> Conformance:
    return type("Checked", (CONFORMANCE[kind],), {"plugin": plugin})()


@pytest.mark.parametrize(("registered", "check"), _CASES, ids=_id)
def test_built_in_plugin_conforms(registered: Registered, check: str) -> None:
    try:
        getattr(_conformance(registered.kind, registered.cls), check)()
    except SkipTest as reason:
        pytest.skip(str(reason))
