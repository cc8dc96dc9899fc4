"""The command line: one module per command; commands import their implementation when they run."""

from __future__ import annotations

import errno
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click

from duetbench import __version__
from duetbench.cli.audit import audit
from duetbench.cli.bench import bench
from duetbench.cli.context import Settings, add_main_options
from duetbench.cli.data import data
from duetbench.cli.doctor import doctor
from duetbench.cli.leaderboard import leaderboard
from duetbench.cli.models import models
from duetbench.cli.output import echo
from duetbench.cli.plugin import plugin
from duetbench.cli.plugins_list import list_command, show
from duetbench.cli.profiles import profiles
from duetbench.cli.results import compare, inspect, report, score
from duetbench.cli.run import run
from duetbench.cli.runs import runs
from duetbench.cli.schema import schema
from duetbench.cli.store import store
from duetbench.cli.train import train
from duetbench.errors import DuetbenchError, PluginError
from duetbench.escaping import one_line

_SYSTEM_ERRORS = {
    errno.ENOSPC: "no space left on the device; free some space, or choose another location",
    errno.EDQUOT: "disk quota exceeded; free some space, or choose another location",
    errno.EFBIG: "file too large; choose another location",
    errno.EROFS: "read-only file system; choose another location",
    errno.EACCES: "permission denied; choose another location, or change the permissions",
    errno.EPERM: "operation not permitted; choose another location",
    errno.ENOENT: "no such file or folder; choose another location",
    errno.ENOTDIR: "not a folder; choose another location",
    errno.EISDIR: "is a folder; choose another location",
    errno.ENAMETOOLONG: "file name too long; choose a shorter one",
}
"""System errors that one line explains."""

INTERRUPTED = 130
"""Exit code after Ctrl-C, as in shells."""

RENAMED_OPTIONS = {"--tolerated": "--max-error-rate"}
"""Options of earlier versions, with their current names: suggested in the error, not accepted."""


class _Main(click.Group):
    """Converts errors to one line and an exit code; bugs keep their traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # third-party code may raise anything; other exceptions are raised unchanged
            explained = error if isinstance(error, DuetbenchError) else _plugin_error(ctx.obj, error)
            if explained and isinstance(ctx.obj, Settings) and ctx.obj.verbose:
                echo(traceback.format_exc(), err=True)
            if explained and explained is not error:
                raise explained from error
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
            _print_error(f"{_usage_message(error)} (see `{_command_path(error)} --help`)")
            sys.exit(error.exit_code)
        except click.ClickException as error:
            _print_error(error.format_message())
            sys.exit(error.exit_code)
        except DuetbenchError as error:
            _print_error(str(error))
            sys.exit(error.exit_code)
        except click.Abort:
            _print_error("interrupted; finished work is kept, and the same command resumes")
            sys.exit(INTERRUPTED)
        except OSError as error:
            if error.errno not in _SYSTEM_ERRORS:
                raise
            _print_error(f"{error.filename or 'output'}: {_SYSTEM_ERRORS[error.errno]}; finished work is kept")
            sys.exit(1)
        sys.exit(result if isinstance(result, int) else 0)


def _plugin_error(settings: Any, error: BaseException) -> PluginError | None:
    """The error with its origin if it was raised in third-party code; None otherwise."""
    if isinstance(error, OSError) and error.errno in _SYSTEM_ERRORS:
        return None  # not a bug of the plugin
    origin = settings.plugins.origin_of_error(error) if isinstance(settings, Settings) else None
    if not origin:
        return None
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return PluginError(f"{origin}: {text} (duetbench -v ... shows the traceback)")


def _print_error(text: str) -> None:
    echo(f"duetbench: {one_line(text)}", err=True)


def _usage_message(error: click.UsageError) -> str:
    if isinstance(error, click.NoSuchOption) and error.ctx:
        new_name = RENAMED_OPTIONS.get(error.option_name)
        if new_name in {name for parameter in error.ctx.command.params for name in parameter.opts}:
            return f"{error.message} Did you mean '{new_name}'?"
    return error.format_message()


def _command_path(error: click.UsageError) -> str:
    return error.ctx.command_path if error.ctx else "duetbench"


@click.group(cls=_Main, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="duetbench")
def main() -> None:
    """Textual user and item profiles for rating prediction: write, train, score, compare."""


for _command in (
    *(run, runs, leaderboard, report, inspect, score, compare, train, profiles, list_command, show, plugin),
    *(data, models, store, audit, bench, doctor, schema),
):
    main.add_command(_command)
add_main_options(main)
