"""`duetbench models`: list, show, fetch, describe, convert and build models. Open `commands` first."""

from duetbench.cli.models.commands import models

__all__ = ["models"]
