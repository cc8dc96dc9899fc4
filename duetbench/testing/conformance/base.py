"""Checks that every plugin must pass, under pytest and in `duetbench plugin check` alike.

Subclass the class of your plugin's kind in a test file and set `plugin`; pytest runs every `test_` method:

    from duetbench.testing import StrategyConformance

    class TestMine(StrategyConformance):
        plugin = Mine
        options = {"words": 20}
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal
from unittest import SkipTest

from duetbench.config import build_config, options_of
from duetbench.escaping import one_line
from duetbench.interfaces import Plugin
from duetbench.testing.conformance.checks import require

HEAVY = ("torch", "transformers", "trl", "vllm", "datasets", "pandas", "jsonschema", "polars", "numpy", "sklearn")
"""Packages that a plugin may import only inside functions, so that listing plugins stays fast."""
_SHOWN = 400
"""Characters of a message that a result quotes."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The outcome of one check."""

    check: str
    meaning: str
    """What the check verifies, in one line."""
    outcome: Literal["pass", "fail", "skipped"]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """A measured value that neither passes nor fails."""

    name: str
    value: float | None
    """None: the measure does not apply."""
    meaning: str


class Conformance:
    """The checks for all kinds of plugins. Subclass the class of your plugin's kind, not this one."""

    plugin: ClassVar[type[Plugin]]
    """The class under test."""
    options: ClassVar[Mapping[str, Any]] = {}
    """Options to test it with; the others have their defaults."""

    def make(self) -> Any:
        """A fresh instance with the options."""
        return self.plugin(self.config())

    def config(self) -> Any:
        """The options as an instance of the plugin's `Config`."""
        config, faults = build_config(self.plugin.Config, self.options, path=self.plugin.name)
        require(not faults, "; ".join(faults))
        return config

    def test_has_a_summary(self) -> None:
        """The plugin has a one-line summary."""
        summary = self.plugin.summary
        require(isinstance(summary, str) and summary.strip(), "`summary` is empty: describe the plugin in one line")
        require("\n" not in summary, "`summary` is longer than one line")

    def test_options_have_defaults_and_descriptions(self) -> None:
        """Every option has a default and a description, and Config is frozen."""
        config_class: Any = self.plugin.Config
        require(dataclasses.is_dataclass(config_class), "Config is not a dataclass")
        require(config_class.__dataclass_params__.frozen, "Config is not frozen: write @dataclass(frozen=True)")
        _, faults = build_config(config_class, {}, path=self.plugin.name)
        require(not faults, "; ".join(faults))
        undescribed = [option.name for option in options_of(config_class) if not option.meaning]
        require(not undescribed, f"no description of {', '.join(undescribed)}: use option(default, 'description')")

    def test_options_survive_serialization(self) -> None:
        """Options are unchanged after a round trip through JSON and through pickle."""
        config = self.config()
        restored = self._from_json(dataclasses.asdict(config))
        require(restored == config, f"options do not survive JSON: {config} became {restored}")
        require(pickle.loads(pickle.dumps(config)) == config, "options do not survive pickling")
        resolved = self.plugin.resolved_options(config)
        again = self.plugin.resolved_options(self._from_json(resolved))
        require(again == resolved, f"resolved options do not survive JSON: {resolved} became {again}")

    def _from_json(self, options: Mapping[str, Any]) -> Any:
        """The Config made of options that were written to JSON."""
        written = json.loads(json.dumps(options, allow_nan=False))
        config, faults = build_config(self.plugin.Config, written, path=self.plugin.name)
        require(not faults, f"options do not survive JSON: {'; '.join(faults)}")
        return config

    def test_fits_the_record_schema(self) -> None:
        """Its options and its other contributions to a record fit the record schema."""
        from duetbench.testing.conformance.record_parts import check_part

        resolved = json.loads(json.dumps(self.plugin.resolved_options(self.config())))
        check_part("options", {self.plugin.name: resolved})
        for part, value in self.record_parts().items():
            check_part(part, value)

    def record_parts(self) -> dict[str, Any]:
        """The values that this kind of plugin adds to a record, by part of the record."""
        return {}

    def test_unknown_option_is_an_error(self) -> None:
        """An unknown option is an error, not ignored."""
        _, faults = build_config(self.plugin.Config, {"no_such_option_": 1}, path=self.plugin.name)
        require(faults, "Config accepts an option that it does not have")

    def test_import_is_light(self) -> None:
        """Importing the plugin loads no heavy package; such imports belong inside functions."""
        loaded = _heavy_imports(Path(inspect.getfile(self.plugin)), self.plugin.__module__)
        require(not loaded, f"importing it loads {', '.join(loaded)}: import them inside the function that uses them")

    def warnings(self) -> list[str]:
        """Likely mistakes that no check can be sure of."""
        return []

    def observations(self) -> list[Observation]:
        """Measured values that are shown in addition to the checks."""
        return []

    @classmethod
    def checks(cls) -> list[str]:
        """The names of the checks in the order of their definition, the general ones first."""
        names: dict[str, None] = {}
        for base in reversed(cls.__mro__):
            names |= dict.fromkeys(name for name in vars(base) if name.startswith("test_"))
        return list(names)

    def run(self, on_done: Callable[[CheckResult], None] | None = None) -> list[CheckResult]:
        """The results of all checks, without pytest; `on_done` is called after each."""
        results = []
        for name in self.checks():
            results.append(self._result(name))
            if on_done:
                on_done(results[-1])
        return results

    def _result(self, name: str) -> CheckResult:
        check = getattr(self, name)
        meaning = inspect.cleandoc(check.__doc__ or name).splitlines()[0]
        try:  # the plugin under test may raise anything, which fails the check
            check()
        except SkipTest as reason:
            return CheckResult(name, meaning, "skipped", str(reason))
        except AssertionError as error:
            return CheckResult(
                name, meaning, "fail", one_line(str(error) or "an assertion in the plugin failed", _SHOWN)
            )
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return CheckResult(name, meaning, "fail", f"{one_line(repr(error), _SHOWN)} at {_where(error)}")
        return CheckResult(name, meaning, "pass")


def _heavy_imports(file: Path, module: str) -> list[str]:
    """The heavy packages that importing the module, or the single-file plugin, loads in a fresh interpreter."""
    load = f"import importlib; importlib.import_module({module!r})"
    if module not in sys.modules or module.startswith("duetbench_file_plugin_"):
        load = f"import runpy; runpy.run_path({str(file)!r})"
    code = f"import sys; sys.path[:] = {sys.path!r}; {load}; print(*[p for p in {HEAVY!r} if p in sys.modules])"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    require(process.returncode == 0, f"cannot be imported in a fresh interpreter: {one_line(process.stderr[-300:])}")
    return process.stdout.split()


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown location"
