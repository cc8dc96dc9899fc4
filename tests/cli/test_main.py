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
from duetbench.cli.context import Settings, add_main_options, pass_settings
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
from duetbench.cli.context import Settings, add_main_options, pass_settings
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


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("option", ["-v", "--verbose"])
def test_verbose_traces_errors_before_and_after_the_command(faulty: list[str], place: str, option: str) -> None:
    arguments = [option, *faulty] if place == "before" else [*faulty, option]
    assert "Traceback" in CliRunner().invoke(main, arguments).stderr


def _commands(group: click.Group, *words: str) -> list[tuple[tuple[str, ...], click.Command]]:
    """All commands with the words that call them, groups included."""
    commands: list[tuple[tuple[str, ...], click.Command]] = []
    for name, command in group.commands.items():
        commands.append(((*words, name), command))
        commands += _commands(command, *words, name) if isinstance(command, click.Group) else []
    return commands


@pytest.mark.parametrize(
    ("words", "command"), _commands(main), ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_every_command_accepts_the_main_options_once(words: tuple[str, ...], command: click.Command) -> None:
    names = [name for parameter in command.params for name in parameter.opts]
    assert [names.count(name) for name in ("-v", "--verbose", "-q", "--quiet", "--plugins-dir")] == [1] * 5
    assert len(set(names)) == len(names)


def _seen(*arguments: str) -> Settings:
    """The settings that a command in a group gets."""
    seen: list[Settings] = []

    @click.command()
    @pass_settings
    def probe(settings: Settings) -> None:
        seen.append(settings)

    group = click.Group("probes", commands={"probe": probe})
    main.add_command(add_main_options(group))
    try:
        assert CliRunner().invoke(main, arguments).exit_code == 0
    finally:
        del main.commands["probes"]
    return seen[0]


@pytest.mark.parametrize("arguments", [("-q", "probes", "probe"), ("probes", "-q", "probe"), ("probes", "probe", "-q")])
def test_quiet_holds_wherever_it_is_given(arguments: tuple[str, ...]) -> None:
    settings = _seen(*arguments)
    assert (settings.quiet, settings.verbose) == (True, False)


def test_folders_of_plugins_add_up_in_their_order() -> None:
    settings = _seen("--plugins-dir", "a", "probes", "probe", "--plugins-dir", "b", "--plugins-dir", "c")
    assert settings.plugins_dirs == (Path("a"), Path("b"), Path("c"))


def test_without_options_nothing_is_set() -> None:
    assert _seen("probes", "probe") == Settings()


def _width(monkeypatch: pytest.MonkeyPatch, columns: str | None) -> int:
    if columns is None:
        monkeypatch.delenv("COLUMNS", raising=False)
    else:
        monkeypatch.setenv("COLUMNS", columns)
    return Settings().console.width


@pytest.mark.parametrize(("columns", "width"), [("100", 100), (None, 100_000), ("", 100_000), ("wide", 100_000)])
def test_a_pipe_is_as_wide_as_columns_says_else_unlimited(
    monkeypatch: pytest.MonkeyPatch, columns: str | None, width: int
) -> None:
    assert _width(monkeypatch, columns) == width


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
