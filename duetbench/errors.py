"""What can go wrong, as a tree.

DuetbenchError            a user's fault or the world's: one line on stderr, exit code 1
├── UsageError            the command line makes no sense: exit code 2
├── ConfigError           options that do not fit, all faults at once, each with its path
├── UnknownName           a name that nothing carries, with the nearest ones
├── PluginError           a plugin that cannot be used, blamed with its origin
├── MissingDependency     an optional package that is not installed
├── DataError             raw or prepared data that cannot be used
│   └── MissingRawFiles   files that the user has to fetch
├── ModelError            a model that cannot be had, loaded or trusted
│   └── DigestMismatch    bytes that are not the ones that the card names
├── EngineError           an engine that stopped answering
├── RecordError           a record or a results folder that cannot be read or written
└── TrainingError         a training that cannot go on
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from duetbench.suggestions import closest_name


class DuetbenchError(Exception):
    """A fault that one line explains; anything else that escapes is a bug and keeps its traceback."""

    exit_code = 1


class UsageError(DuetbenchError):
    """The command line makes no sense."""

    exit_code = 2


class ConfigError(DuetbenchError):
    """Options that do not fit.

    Args:
        faults: One line each, starting with the option's path (`duet.joint: ...`).
    """

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        lead = "1 option does not fit: " if len(self.faults) == 1 else f"{len(self.faults)} options do not fit: "
        super().__init__(lead + "; ".join(self.faults))


class UnknownName(DuetbenchError):
    """A name that nothing carries."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, note: str = "") -> None:
        known = sorted(known)
        near = closest_name(name, known)
        hint = f"; did you mean '{near}'?" if near else "."
        listed = f" Known: {', '.join(known)}." if known else " None is known."
        super().__init__(f"no {kind} named '{name}'{hint}{listed}{' ' + note if note else ''}")


class PluginError(DuetbenchError):
    """A plugin that cannot be used."""


class MissingDependency(DuetbenchError):
    """An optional package that is not installed; the message names the pip command."""


class DataError(DuetbenchError):
    """Raw or prepared data that cannot be used."""


class MissingRawFiles(DataError):
    """Files that the user has to fetch; the message says which, from where and where to put them."""


class ModelError(DuetbenchError):
    """A model that cannot be had, loaded or trusted."""


class DigestMismatch(ModelError):
    """Bytes that are not the ones that the card names."""


class EngineError(DuetbenchError):
    """An engine that stopped answering."""


class StoreError(DuetbenchError):
    """A request store that cannot be read or written."""


class RecordError(DuetbenchError):
    """A record or a results folder that cannot be read or written."""


class TrainingError(DuetbenchError):
    """A training that cannot go on."""
