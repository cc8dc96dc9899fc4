"""The options of the main command, for every subcommand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from duetbench.plugins import Plugins


@dataclass
class Settings:
    """Options given before the command's name."""

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
        """Console for results: stdout."""
        from rich.console import Console

        return Console()

    @cached_property
    def progress_console(self) -> Console:
        """Console for progress and messages: stderr, or nothing if quiet."""
        from rich.console import Console

        return Console(stderr=True, quiet=self.quiet)


pass_settings = click.make_pass_decorator(Settings, ensure=True)
"""Passes the `Settings` as the first argument; defaults if the command runs without the main group."""
