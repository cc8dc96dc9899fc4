"""Selects rows of a board by their attributes, after everything has been computed from all of its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from duetbench.errors import UnknownName, UsageError
from duetbench.leaderboard.board import Board, BoardRow, BoardSection

ABSENT = "none"
"""Value of an attribute that a row does not have, such as the strategy of a row without an LLM."""

_COMMON = ("strategy", "trainer", "control", "model")
"""Attributes that every board has, also if no row of it has another value than ABSENT."""

Selection = Mapping[str, tuple[str, ...]]
"""Accepted values by attribute; a row must have one of the values of every attribute."""


def parse_selection(texts: Sequence[str]) -> Selection:
    """The selection that `ATTRIBUTE=VALUE` texts describe; several values of one attribute are alternatives.

    Raises:
        UsageError: a text is not of this form.
    """
    selection: dict[str, tuple[str, ...]] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals and value):
            raise UsageError(f"--only: expected ATTRIBUTE=VALUE, as in strategy=duet, got '{text}'")
        selection[name] = (*selection.get(name, ()), value)
    return selection


def select_rows(board: Board, selection: Selection) -> Board:
    """The board with the selected rows only.

    Ranks, differences and adjusted intervals are not changed: they are those among all rows, so that looking at a
    part of a board does not make its results more certain.

    Raises:
        UnknownName: no row of the board has an attribute of that name, or that value of it.
        UsageError: every value occurs, but no row has all of them.
    """
    if not selection:
        return board
    _check_names(board, selection)
    sections = tuple(_selected(section, selection) for section in board.sections if _selected_rows(section, selection))
    chosen = _text(selection)
    if not sections:
        raise UsageError(f"--only {chosen}: each of these values occurs, but no row has all of them")
    n, n_shown = (sum(len(section.rows) for section in sections) for sections in (board.sections, sections))
    note = f"shown are the rows with {chosen}: {n_shown} of {n}; ranks, intervals and stars are those among all rows"
    return replace(board, sections=sections, notes=(*board.notes, note))


def _check_names(board: Board, selection: Selection) -> None:
    rows = [_attributes(section, row) for section in board.sections for row in section.rows]
    names = dict.fromkeys([*_COMMON, *(name for attributes in rows for name in attributes)])
    for name, chosen in selection.items():
        if name not in names:
            raise UnknownName("attribute of rows", name, names)
        values = {attributes.get(name, ABSENT) for attributes in rows}
        for value in chosen:
            if value not in values:
                raise UnknownName(f"row with a {name}", value, values)


def _selected(section: BoardSection, selection: Selection) -> BoardSection:
    return replace(section, rows=_selected_rows(section, selection))


def _selected_rows(section: BoardSection, selection: Selection) -> tuple[BoardRow, ...]:
    return tuple(row for row in section.rows if _is_selected(_attributes(section, row), selection))


def _is_selected(attributes: Mapping[str, str], selection: Selection) -> bool:
    return all(attributes.get(name, ABSENT) in chosen for name, chosen in selection.items())


def _attributes(section: BoardSection, row: BoardRow) -> dict[str, str]:
    """The attributes of a row, those of its section and its name."""
    shared = {"dataset": section.key.dataset, "split": section.key.split}
    return {"name": row.name, "state": row.state, **shared, **row.facts}


def _text(selection: Selection) -> str:
    return ", ".join(f"{name}={' or '.join(chosen)}" for name, chosen in selection.items())
