"""Results and messages on a terminal: texts of others reach it without control characters and without markup.

Every command prints through `echo` or through the consoles of `Settings`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from duetbench.escaping import plain_text

if TYPE_CHECKING:
    from rich.console import Console


def echo(text: str = "", *, nl: bool = True, err: bool = False, **style: Any) -> None:
    """Prints a text to stdout, or to stderr; control characters that are no line break or tab become visible.

    Args:
        text: What is printed.
        nl: Whether a line break follows.
        err: Whether it goes to stderr.
        style: As of `click.style`; it has an effect on terminals only.
    """
    click.secho(plain_text(text), nl=nl, err=err, **style)


def inert_console(*, stderr: bool = False, quiet: bool = False) -> Console:
    """A console that takes no markup from texts, and shows control characters instead of obeying them."""
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

    class InertConsole(Console):
        def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
            for segment in super().render(renderable, options):
                is_plain = segment.control or (text := plain_text(segment.text)) == segment.text
                yield segment if is_plain else Segment(text, segment.style)

    return InertConsole(stderr=stderr, quiet=quiet, markup=False, emoji=False)
