"""The options of the main command, which every command accepts."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from duetbench.cli.output import inert_console

if TYPE_CHECKING:
    from rich.console import Console

    from duetbench.plugins import Plugins

C = TypeVar("C", bound=click.Command)

UNLIMITED = 100_000
"""Width of a console whose lines are not wrapped."""


@dataclass
class Settings:
    """Options of the main command, given before the name of a command or after it."""

    plugins_dirs: tuple[Path, ...] = ()
    verbose: bool = False
    quiet: bool = False

    @cached_property
    def plugins(self) -> Plugins:
        """The plugin register, created at the first access."""
        from duetbench.plugins import Plugins

        return Plugins(self.plugins_dirs)

    @cached_property
    def console(self) -> Console:
        """Console for results: stdout, as wide as the terminal or as COLUMNS says, else unlimited."""
        console = inert_console()
        if not (console.is_terminal or os.environ.get("COLUMNS", "").isdecimal()):
            console.width = UNLIMITED
        return console

    @cached_property
    def progress_console(self) -> Console:
        """Console for progress and messages: stderr, or nothing if quiet."""
        return inert_console(stderr=True, quiet=self.quiet)


pass_settings = click.make_pass_decorator(Settings, ensure=True)
"""Passes the `Settings` as the first argument; defaults if the command runs without the main group."""


def add_main_options(command: C) -> C:
    """Adds the options of the main command to a command and to all of its subcommands."""
    command.params += [
        click.Option(
            ["--plugins-dir", "plugins_dirs"],
            multiple=True,
            type=click.Path(path_type=Path),
            metavar="DIR",
            help="Folder of single-file plugins; may be given several times.",
            expose_value=False,
            callback=_noting(
                lambda settings, folders: setattr(settings, "plugins_dirs", settings.plugins_dirs + folders)
            ),
        ),
        click.Option(
            ["--models-dir", "models_dirs"],
            multiple=True,
            type=click.Path(path_type=Path),
            metavar="DIR",
            help="Folder of model cards (NAME.yaml); may be given several times.",
            expose_value=False,
            callback=_use_model_cards,
        ),
        _flag("-v", "--verbose", "Show more, such as tracebacks of errors."),
        _flag("-q", "--quiet", "No progress on stderr."),
    ]
    for subcommand in command.commands.values() if isinstance(command, click.Group) else ():
        add_main_options(subcommand)
    return command


def _use_model_cards(context: click.Context, _parameter: click.Parameter, folders: tuple[Path, ...]) -> None:
    """Adds folders of model cards to those of the environment, until the command ends.

    The environment is what worker processes inherit, and where models are looked up.
    """
    if not folders:
        return
    from duetbench.models.cards import FOLDERS_VARIABLE

    earlier = os.environ.get(FOLDERS_VARIABLE)
    os.environ[FOLDERS_VARIABLE] = os.pathsep.join([*map(str, folders), *([earlier] if earlier else [])])

    def restore() -> None:
        os.environ.pop(FOLDERS_VARIABLE)
        if earlier is not None:
            os.environ[FOLDERS_VARIABLE] = earlier

    context.find_root().call_on_close(restore)


def _flag(short: str, name: str, text: str) -> click.Option:
    field = name.removeprefix("--")
    note = _noting(lambda settings, _value: setattr(settings, field, True))
    return click.Option([short, name], is_flag=True, help=text, expose_value=False, callback=note)


def _noting(note: Callable[[Settings, Any], None]) -> Callable[[click.Context, click.Parameter, Any], None]:
    """A callback that changes the settings if the option is given: one before the command is not undone after it."""

    def callback(context: click.Context, _parameter: click.Parameter, value: Any) -> None:
        settings = context.ensure_object(Settings)
        if value:
            note(settings, value)

    return callback
