"""The command line. Each command stands in a file of its own and imports its work inside its body."""

from __future__ import annotations

import errno
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from duetbench import __version__
from duetbench.cli.bench import bench
from duetbench.cli.context import Settings
from duetbench.cli.data import data
from duetbench.cli.doctor import doctor
from duetbench.cli.leaderboard import leaderboard
from duetbench.cli.models import models
from duetbench.cli.plugin import plugin
from duetbench.cli.plugins_list import list_command, show
from duetbench.cli.profiles import profiles
from duetbench.cli.run import run
from duetbench.cli.schema import schema
from duetbench.cli.store import store
from duetbench.cli.train import train
from duetbench.errors import DuetbenchError, PluginError

_WORLD = {
    errno.ENOSPC: "no space is left there; free some, or choose another place",
    errno.EDQUOT: "the disk quota is used up; free some, or choose another place",
    errno.EFBIG: "the file would be larger than allowed here; choose another place",
    errno.EROFS: "the file system can only be read; choose another place",
    errno.EACCES: "permission denied; choose another place, or ask for the right to write there",
    errno.EPERM: "not permitted; choose another place",
    errno.ENOENT: "there is no such file or folder; choose another place",
    errno.ENOTDIR: "a file stands where a folder should be; choose another place",
    errno.EISDIR: "a folder stands where a file should be; choose another place",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
}
"""Faults of the machine that one line explains."""

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


class _Main(click.Group):
    """The one place where errors become a line and an exit code; a bug keeps its traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except Exception as error:  # of strangers' code, which may raise anything; all else goes on as it is
            told = error if isinstance(error, DuetbenchError) else _fault_of_a_plugin(ctx.obj, error)
            if told and isinstance(ctx.obj, Settings) and ctx.obj.verbose:
                click.echo(traceback.format_exc(), err=True)
            if told and told is not error:
                raise told from error
            raise

    def main(  # type: ignore[override]
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        if not standalone_mode:
            return super().main(args, prog_name, standalone_mode=False, **extra)
        try:
            result = super().main(args, prog_name, standalone_mode=False, **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(error.exit_code)
        except click.UsageError as error:
            _say(f"{error.format_message()} (see `{_command_path(error)} --help`)")
            sys.exit(error.exit_code)
        except click.ClickException as error:
            _say(error.format_message())
            sys.exit(error.exit_code)
        except DuetbenchError as error:
            _say(str(error))
            sys.exit(error.exit_code)
        except click.Abort:
            _say("stopped; what was finished is kept, and the same command goes on from there")
            sys.exit(INTERRUPTED)
        except OSError as error:
            if error.errno not in _WORLD:
                raise
            _say(f"{error.filename or 'output'}: {_WORLD[error.errno]}; what was finished is kept")
            sys.exit(1)
        sys.exit(result if isinstance(result, int) else 0)


def _fault_of_a_plugin(settings: Any, error: Exception) -> PluginError | None:
    """One line for what went wrong in a stranger's code; None if it was not there."""
    if isinstance(error, OSError) and error.errno in _WORLD:
        return None  # nobody's fault, wherever it came about
    origin = settings.plugins.to_blame(error) if isinstance(settings, Settings) else None
    if not origin:
        return None
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return PluginError(f"{origin}: {text} (duetbench -v ... shows the traceback)")


def _say(text: str) -> None:
    click.echo(f"duetbench: {' '.join(text.split())}", err=True)


def _command_path(error: click.UsageError) -> str:
    return error.ctx.command_path if error.ctx else "duetbench"


@click.group(cls=_Main, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="duetbench")
@click.option(
    "--plugins-dir",
    "plugins_dirs",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of single-file plugins; may be given several times.",
)
@click.option("-v", "--verbose", is_flag=True, help="Tell more, such as where an error comes from.")
@click.option("-q", "--quiet", is_flag=True, help="No progress on stderr.")
@click.pass_context
def main(context: click.Context, plugins_dirs: tuple[Path, ...], verbose: bool, quiet: bool) -> None:
    """Textual user and item profiles for rating prediction: write, train, score, compare."""
    context.obj = Settings(plugins_dirs, verbose=verbose, quiet=quiet)


for _command in (
    *(run, leaderboard, train, profiles, list_command, show, plugin),
    *(data, models, store, bench, doctor, schema),
):
    main.add_command(_command)
