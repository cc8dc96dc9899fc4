"""The main group: cheap, and the one place where errors become a line."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from duetbench import __version__
from duetbench.cli import main
from duetbench.errors import DataError, UsageError

HEAVY = (
    "torch", "transformers", "trl", "vllm", "datasets", "pandas", "numpy", "polars", "duckdb", "pyarrow", "jsonschema",
    "yaml", "rich",
)  # fmt: skip


@pytest.fixture
def failing() -> Callable[[BaseException], Result]:
    """What becomes of an exception in a command's body."""

    def run(error: BaseException) -> Result:
        @click.command()
        def boom() -> None:
            raise error

        main.add_command(boom, "boom")
        try:
            return CliRunner().invoke(main, ["boom"])
        finally:
            del main.commands["boom"]

    return run


def _loaded_by(*arguments: str) -> set[str]:
    """The modules that a command imports in a process of its own."""
    code = f"""
import sys
from click.testing import CliRunner
from duetbench.cli import main
assert CliRunner().invoke(main, {list(arguments)!r}).exit_code == 0
print(*sys.modules)
"""
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_help_imports_no_plugin_and_nothing_heavy() -> None:
    assert not _loaded_by("--help") & {*HEAVY, "pluggy", "duetbench.plugins", "importlib.metadata"}


def test_list_imports_nothing_heavy() -> None:
    assert not _loaded_by("list", "strategies") & ({*HEAVY} - {"yaml", "rich"})


def test_every_command_has_a_line_of_help() -> None:
    assert {name for name, command in main.commands.items() if not command.get_short_help_str()} == set()
    assert {"run", "list", "show", "doctor", "leaderboard", "data", "models", "store", "plugin"} <= set(main.commands)


def test_the_version_is_printed() -> None:
    assert __version__ in CliRunner().invoke(main, ["--version"]).output


def test_a_users_fault_is_one_line(failing: Callable[[BaseException], Result]) -> None:
    result = failing(DataError("the file\nis not there: fetch it"))
    assert (result.exit_code, result.stderr) == (1, "duetbench: the file is not there: fetch it\n")


def test_a_command_line_that_makes_no_sense_exits_with_2(failing: Callable[[BaseException], Result]) -> None:
    assert failing(UsageError("say what to run")).exit_code == 2


def test_a_misspelt_option_is_one_line_with_the_nearest() -> None:
    result = CliRunner().invoke(main, ["run", "--strateyg", "duet"])
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "--strategy" in result.stderr


def test_ctrl_c_is_a_clean_stop(failing: Callable[[BaseException], Result]) -> None:
    result = failing(KeyboardInterrupt())
    assert result.exit_code == 130
    assert "the same command resumes" in result.stderr


def test_a_full_disk_is_one_line(failing: Callable[[BaseException], Result]) -> None:
    result = failing(OSError(errno.ENOSPC, "No space left on device", "/x/y"))
    assert result.exit_code == 1
    assert result.stderr.startswith("duetbench: /x/y: no space left on the device")


def test_a_bug_keeps_its_traceback(failing: Callable[[BaseException], Result]) -> None:
    assert isinstance(failing(ZeroDivisionError("a bug")).exception, ZeroDivisionError)


def test_a_broken_plugin_does_not_stop_the_help(work: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUETBENCH_PLUGINS", "/nowhere/at/all")
    assert CliRunner().invoke(main, ["--help"]).exit_code == 0


FAULTY = """
from duetbench.hookspecs import hookimpl
from duetbench.interfaces import Stage, Strategy


class Asks(Stage):
    name = "asks"

    def prompts(self, requests, earlier):
        return [earlier["nothing"]]

    def parse(self, prompt, text):
        return None


class Faulty(Strategy):
    name = "faulty"
    summary = "Fails when it is asked for prompts."

    def stages(self):
        return (Asks(),)


@hookimpl
def duetbench_register_strategies():
    return [Faulty]
"""


@pytest.fixture
def faulty(tmp_path: Path) -> list[str]:
    """A command that reaches a plugin's fault outside of a run."""
    (tmp_path / "faulty.py").write_text(FAULTY)
    return ["--plugins-dir", str(tmp_path), "show", "prompt", "faulty", "--dataset", "toy", "--model", "toy-lm"]


def test_a_fault_in_a_plugins_code_is_a_line_that_blames_it(faulty: list[str]) -> None:
    result = CliRunner().invoke(main, faulty)
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert f"file {faulty[1]}/faulty.py, faulty.py line 10: KeyError: 'nothing'" in result.stderr


def test_a_fault_in_a_plugins_code_is_traced_if_asked_for(faulty: list[str]) -> None:
    assert "Traceback" in CliRunner().invoke(main, ["-v", *faulty]).stderr


def test_a_plugin_that_ends_the_process_is_named(tmp_path: Path) -> None:
    (tmp_path / "leaving.py").write_text(
        "import sys\nfrom duetbench.hookspecs import hookimpl\nfrom duetbench.interfaces import Strategy\n"
        "class Leaving(Strategy):\n    name = 'leaving'\n    def stages(self): sys.exit('no GPU')\n"
        "@hookimpl\ndef duetbench_register_strategies(): return [Leaving]\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "duetbench", "--plugins-dir", tmp_path, "run", "--strategy", "leaving", "--plan"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert f"file {tmp_path}/leaving.py, leaving.py line 6: SystemExit: no GPU" in done.stderr
