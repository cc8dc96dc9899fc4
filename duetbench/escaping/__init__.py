"""Makes the texts of others inert in an output: one function for each of terminal, Markdown, CSV and JSON.

Labels, names, titles, reviews and messages of servers may hold anything. HTML is escaped by the templates of
`duetbench.pages`, which use `plain_text` for what remains.
"""

from duetbench.escaping.formats import csv_text, json_text, markdown_text
from duetbench.escaping.plain import one_line, plain_text

__all__ = ["csv_text", "json_text", "markdown_text", "one_line", "plain_text"]
