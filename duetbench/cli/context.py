"""What the options of the main group become for every command."""

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
    """The options before the command's name."""

    plugins_dirs: tuple[Path, ...] = ()
    verbose: bool = False
    quiet: bool = False

    @cached_property
    def plugins(self) -> Plugins:
        """All plugins that can be reached; found when first asked for."""
        from duetbench.plugins import Plugins

        return Plugins(self.plugins_dirs)

    @cached_property
    def console(self) -> Console:
        """Where results go: stdout."""
        from rich.console import Console

        return Console()

    @cached_property
    def progress_console(self) -> Console:
        """Where progress and remarks go: stderr, or nowhere if quiet."""
        from rich.console import Console

        return Console(stderr=True, quiet=self.quiet)


pass_settings = click.make_pass_decorator(Settings, ensure=True)
"""Gives a command the `Settings` as its first argument; default ones if it is run without the main group."""
