"""Markdown: a table per section."""

from __future__ import annotations

from duetbench.leaderboard.board import Board, BoardSection
from duetbench.leaderboard.columns import columns, headings, notes


def render(board: Board) -> str:
    """A heading, a table and a list of notes for each section."""
    titles = headings(board)
    parts = [_section(section, title, board) for section, title in zip(board.sections, titles, strict=True)]
    board_notes = [*board.notes, *board.faults]
    return "\n".join([*parts, *(f"- {_escaped(note)}" for note in board_notes)]).rstrip("\n") + "\n"


def _section(section: BoardSection, title: str, board: Board) -> str:
    shown = columns(section, board)
    lines = [f"### {_escaped(title)}", ""]
    lines.append(_line([column.title for column in shown]))
    lines.append(_line(["--:" if column.is_number else "---" for column in shown]))
    lines += [_line([column.text(row) for column in shown]) for row in section.rows]
    return "\n".join([*lines, "", *(f"- {_escaped(note)}" for note in notes(section)), ""])


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(_escaped(cell) for cell in cells) + " |"


def _escaped(text: str) -> str:
    """Text on one line and without markup: names and messages of plugins must not break the table."""
    text = " ".join(text.split())
    for character in "\\|<>`":
        text = text.replace(character, f"\\{character}")
    return text
