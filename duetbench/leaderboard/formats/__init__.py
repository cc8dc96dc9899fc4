"""Output formats of a leaderboard: each module of this package is the format of its name.

A format is one module with one function, `render(board: Board) -> str`; a file `latex.py` here adds `--format latex`.
"""

from __future__ import annotations

import importlib
import pkgutil

from duetbench.errors import UnknownName
from duetbench.leaderboard.board import Board


def format_names() -> list[str]:
    """The names of all formats, sorted. Imports none of them."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def render(board: Board, name: str) -> str:
    """The board in the format of that name.

    Raises:
        UnknownName: there is no such format.
    """
    if name not in format_names():
        raise UnknownName("leaderboard format", name, format_names())
    text: str = importlib.import_module(f"{__name__}.{name}").render(board)
    return text
