"""Markdown: a table per section."""

from __future__ import annotations

from duetbench.escaping import markdown_text
from duetbench.leaderboard.board import Board, BoardSection
from duetbench.leaderboard.columns import columns, headings, notes


def render(board: Board) -> str:
    """A heading, a table and a list of notes for each section."""
    titles = headings(board)
    parts = [_section(section, title, board) for section, title in zip(board.sections, titles, strict=True)]
    board_notes = [*board.notes, *board.faults]
    return "\n".join([*parts, *(f"- {markdown_text(note)}" for note in board_notes)]).rstrip("\n") + "\n"


def _section(section: BoardSection, title: str, board: Board) -> str:
    shown = columns(section, board)
    lines = [f"### {markdown_text(title)}", ""]
    lines.append(_line([column.title for column in shown]))
    lines.append(_line(["--:" if column.is_number else "---" for column in shown]))
    lines += [_line([column.text(row) for column in shown]) for row in section.rows]
    return "\n".join([*lines, "", *(f"- {markdown_text(note)}" for note in notes(section)), ""])


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(markdown_text(cell) for cell in cells) + " |"
