"""The exception classes.

DuetbenchError            a fault of the input or of the system: one line on stderr, exit code 1
├── UsageError            an invalid command line: exit code 2
├── ConfigError           invalid options, all faults at once, each with its path
├── DocumentError         a YAML or JSON text that is invalid or exceeds a bound, with file and line
├── UnknownName           an unknown name, with the closest known one
├── PluginError           a plugin that cannot be used, with its origin
├── MissingDependency     an optional package that is not installed
├── RequirementsError     several things that a run needs and that are missing, all at once
├── DataError             raw or prepared data that cannot be used
│   ├── MissingRawFiles   files that the user has to download
│   └── NotApplicable     a control that has no effect on these requests and profiles: its row is left out
├── ModelError            a model that cannot be downloaded, loaded or verified
│   └── DigestMismatch    files whose digest differs from the model card's
├── NoPredictions         a cell in which no pair has a readable prediction
├── EngineError           an engine that does not respond or responds with garbage
├── StoreError            a request store that cannot be read or written
├── RecordError           a record or a results folder that cannot be read or written
└── TrainingError         a training that cannot continue
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from duetbench.suggestions import closest_name


class DuetbenchError(Exception):
    """A fault that one line explains. Other exceptions are bugs and keep their traceback."""

    exit_code = 1


class UsageError(DuetbenchError):
    """The command line is invalid."""

    exit_code = 2


class ConfigError(DuetbenchError):
    """Options are invalid.

    Args:
        faults: One line each, starting with the option's path (`duet.joint: ...`).
    """

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        lead = "1 option is invalid: " if len(self.faults) == 1 else f"{len(self.faults)} options are invalid: "
        super().__init__(lead + "; ".join(self.faults))


class DocumentError(DuetbenchError):
    """A YAML or JSON text is invalid or exceeds a bound; the message names file, line and fault."""


class UnknownName(DuetbenchError):
    """No plugin, model or row has this name."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, note: str = "") -> None:
        known = sorted(known)
        near = closest_name(name, known)
        hint = f"; did you mean '{near}'?" if near else "."
        listed = f" Known: {', '.join(known)}." if known else " None exists."
        super().__init__(f"no {kind} named '{name}'{hint}{listed}{' ' + note if note else ''}")


class PluginError(DuetbenchError):
    """A plugin that cannot be used."""


class MissingDependency(DuetbenchError):
    """An optional package that is not installed; the message names the pip command."""


class RequirementsError(DuetbenchError):
    """Several things that a run needs are missing.

    Args:
        faults: One line each, with what to do.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__(f"{len(self.faults)} things are missing: {'; '.join(self.faults)}")


class DataError(DuetbenchError):
    """Raw or prepared data that cannot be used."""


class MissingRawFiles(DataError):
    """Files that the user has to download; the message names files, source and target folder."""


class NotApplicable(DataError):
    """A control that cannot have its effect on these requests and profiles. A run leaves out its row and succeeds."""


class ModelError(DuetbenchError):
    """A model that cannot be downloaded, loaded or verified."""


class DigestMismatch(ModelError):
    """Files whose digest differs from the model card's."""


class NoPredictions(DuetbenchError):
    """A cell in which no pair has a readable prediction; the message has the first reason and what to do."""


class EngineError(DuetbenchError):
    """An engine that does not respond or responds with garbage."""


class StoreError(DuetbenchError):
    """A request store that cannot be read or written."""


class RecordError(DuetbenchError):
    """A record or a results folder that cannot be read or written."""


class TrainingError(DuetbenchError):
    """A training that cannot continue."""
