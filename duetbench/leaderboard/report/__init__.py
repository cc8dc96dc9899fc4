"""The HTML report of a leaderboard: one file that needs no network. Open `render` first.

Sorting and filtering are a short script of this package: a table library such as DataTables takes more time to start on
400 rows of 40 columns than a reader should wait, and most of the size that the report may have.
"""

from duetbench.leaderboard.report.render import render_report

__all__ = ["render_report"]
