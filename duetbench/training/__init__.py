"""Built-in trainers: the only files that name trl."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duetbench.hookspecs import hookimpl

if TYPE_CHECKING:
    from duetbench.interfaces import Trainer


@hookimpl
def duetbench_register_trainers() -> list[type[Trainer]]:
    """The built-in trainers."""
    from duetbench.training.none import NoTraining

    return [NoTraining]
