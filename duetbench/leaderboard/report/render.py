"""Renders a board as a report: `sections` computes what its template shows."""

from __future__ import annotations

from datetime import UTC, datetime

from duetbench import __version__
from duetbench.evaluation.conventions import CONVENTIONS
from duetbench.leaderboard.board import Board
from duetbench.leaderboard.columns import counted
from duetbench.leaderboard.report.sections import FACETS, Facets, section_views
from duetbench.leaderboard.report.trainings import training_views
from duetbench.leaderboard.report.views import Facet, ReportView
from duetbench.pages import render_page


def render_report(board: Board) -> str:
    """A complete HTML page, readable without JavaScript, which is only needed to sort, filter and switch."""
    facets = Facets()
    sections, switched = section_views(board, facets)
    trainings, notes = training_views(board.results)
    n_rows = sum(len(section.rows) for section in sections)
    finished = max((result.record.finished for result in board.results), default="")
    convention = board.sections[0].convention.name if board.sections else "standard"
    content = ReportView(
        title="duetbench report",
        subtitle=" · ".join(
            [
                counted(n_rows, "row"),
                counted(len(board.results), "cell"),
                *([f"last finished {_day(finished)}"] if finished else []),
                f"duetbench {__version__}",
            ]
        ),
        convention=convention,
        conventions=[(name, known.meaning) for name, known in CONVENTIONS.items()],
        facets=[Facet(name, facets.values(name)) for name in FACETS if len(facets.values(name)) > 1],
        sections=sections,
        trainings=trainings,
        notes=[*board.notes, *board.faults, *notes],
    )
    positions = [FACETS.index(facet.name) for facet in content.facets]
    data = {"convention": convention, "switched": switched, "facets": positions}
    return render_page("report.html.jinja", content, title=content.title, script="report.js", data=data)


def _day(timestamp: str) -> str:
    return datetime.fromisoformat(timestamp).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
