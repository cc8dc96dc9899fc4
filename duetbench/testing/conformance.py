"""What every plugin must keep to, as checks that run under pytest and from `duetbench plugin check` alike.

Subclass the class of your kind in a test file and name the plugin; pytest runs every `test_` method:

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
from typing import Any, ClassVar, Literal, NoReturn
from unittest import SkipTest

from duetbench.config import build_config, options_of
from duetbench.interfaces import Plugin

HEAVY = ("torch", "transformers", "trl", "vllm", "datasets", "pandas", "jsonschema", "polars", "numpy", "sklearn")
"""Packages that a plugin may import only inside its functions, so that listing plugins stays cheap."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """How one check ended."""

    check: str
    meaning: str
    outcome: Literal["pass", "fail", "skipped"]
    reason: str = ""


def require(condition: object, message: str) -> None:
    """Fails the check with the message unless the condition holds."""
    if not condition:
        raise AssertionError(message)


def skip(reason: str) -> NoReturn:
    """Ends the check without a verdict; pytest shows it as skipped."""
    raise SkipTest(reason)


@dataclass(frozen=True, slots=True)
class Observation:
    """Something to look at that neither passes nor fails."""

    name: str
    value: float | None
    """None: does not apply."""
    meaning: str


class Conformance:
    """The checks for all kinds. Subclass the one of your kind, not this one."""

    plugin: ClassVar[type[Plugin]]
    """The class under test."""
    options: ClassVar[Mapping[str, Any]] = {}
    """Options to test it with; the rest have their defaults."""

    def make(self) -> Any:
        """A fresh instance with the options."""
        return self.plugin(self.config())

    def config(self) -> Any:
        """The options as the plugin's Config."""
        config, faults = build_config(self.plugin.Config, self.options, path=self.plugin.name)
        require(not faults, "; ".join(faults))
        return config

    def test_says_what_it_is(self) -> None:
        """It has a one-line summary."""
        summary = self.plugin.summary
        require(isinstance(summary, str) and summary.strip(), "`summary` is empty: say in one line what it does")
        require("\n" not in summary, "`summary` is longer than one line")

    def test_options_have_defaults_and_meanings(self) -> None:
        """Every option has a default and a meaning, and none can be changed later."""
        config_class: Any = self.plugin.Config
        require(dataclasses.is_dataclass(config_class), "Config is no dataclass")
        require(config_class.__dataclass_params__.frozen, "Config is not frozen: write @dataclass(frozen=True)")
        _, faults = build_config(config_class, {}, path=self.plugin.name)
        require(not faults, "; ".join(faults))
        mute = [option.name for option in options_of(config_class) if not option.meaning]
        require(not mute, f"no meaning given for {', '.join(mute)}: use option(default, 'meaning')")

    def test_options_survive_a_record(self) -> None:
        """Options written to JSON and read back, or sent to another process, are the same options."""
        config = self.config()
        again = self._read_back(dataclasses.asdict(config))
        require(again == config, f"options do not survive JSON: {config} became {again}")
        require(pickle.loads(pickle.dumps(config)) == config, "options do not survive pickling")
        resolved = self.plugin.resolved_options(config)
        again = self.plugin.resolved_options(self._read_back(resolved))
        require(again == resolved, f"resolved options do not survive JSON: {resolved} became {again}")

    def _read_back(self, options: Mapping[str, Any]) -> Any:
        """The Config made of options that were written to JSON."""
        written = json.loads(json.dumps(options, allow_nan=False))
        config, faults = build_config(self.plugin.Config, written, path=self.plugin.name)
        require(not faults, f"options do not survive JSON: {'; '.join(faults)}")
        return config

    def test_it_fits_into_a_record(self) -> None:
        """Its name, its options and whatever else it says of itself fit the schema of records."""
        from duetbench.testing.record_parts import check_part

        resolved = json.loads(json.dumps(self.plugin.resolved_options(self.config())))
        check_part("options", {self.plugin.name: resolved})
        for part, value in self.record_parts().items():
            check_part(part, value)

    def record_parts(self) -> dict[str, Any]:
        """What this kind of plugin adds to a record, by part."""
        return {}

    def test_unknown_option_is_refused(self) -> None:
        """An option that does not exist is a fault, not swallowed."""
        _, faults = build_config(self.plugin.Config, {"no_such_option_": 1}, path=self.plugin.name)
        require(faults, "Config takes an option that it does not have")

    def test_import_is_light(self) -> None:
        """Importing it loads no heavy package: those belong inside functions."""
        loaded = _loaded_by(Path(inspect.getfile(self.plugin)), self.plugin.__module__)
        require(not loaded, f"importing it loads {', '.join(loaded)}: import them inside the function that uses them")

    def findings(self) -> list[Observation]:
        """What there is to look at beside the checks."""
        return []

    @classmethod
    def checks(cls) -> list[str]:
        """The names of the checks, in the order of their definition, general ones first."""
        names: dict[str, None] = {}
        for base in reversed(cls.__mro__):
            names |= dict.fromkeys(name for name in vars(base) if name.startswith("test_"))
        return list(names)

    def run(self, on_done: Callable[[CheckResult], None] | None = None) -> list[CheckResult]:
        """Every check's result, without pytest."""
        results = []
        for name in self.checks():
            results.append(self._result(name))
            if on_done:
                on_done(results[-1])
        return results

    def _result(self, name: str) -> CheckResult:
        check = getattr(self, name)
        meaning = inspect.cleandoc(check.__doc__ or name).splitlines()[0]
        try:  # the plugin under test may raise anything, which is a finding and no fault of this program
            check()
        except SkipTest as reason:
            return CheckResult(name, meaning, "skipped", str(reason))
        except AssertionError as error:
            return CheckResult(name, meaning, "fail", _one_line(str(error) or "an assertion of its own failed"))
        except Exception as error:
            return CheckResult(name, meaning, "fail", f"{_one_line(repr(error))} at {_where(error)}")
        return CheckResult(name, meaning, "pass")


def _loaded_by(file: Path, module: str) -> list[str]:
    """Heavy packages in a fresh interpreter after importing the module, or the file if it is a single-file plugin."""
    load = f"import importlib; importlib.import_module({module!r})"
    if module not in sys.modules or module.startswith("duetbench_file_plugin_"):
        load = f"import runpy; runpy.run_path({str(file)!r})"
    code = f"import sys; sys.path[:] = {sys.path!r}; {load}; print(*[p for p in {HEAVY!r} if p in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    require(done.returncode == 0, f"cannot be imported alone: {_one_line(done.stderr[-300:])}")
    return done.stdout.split()


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 400 else line[:400] + "..."
