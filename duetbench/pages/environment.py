"""Renders templates to HTML in which texts of others are inert.

Three things must fail before such a text can act: Jinja escapes every value, `plain_text` makes control characters and
changes of direction visible, and the page's content security policy runs no script but the one that its digest names.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duetbench.escaping import json_text, plain_text

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER = Path(__file__).parent
_EARLY = "document.documentElement.classList.add('js')"
"""Runs before the first rows are laid out: the style sheet hides those that the script shows on request."""


def render_page(template: str, content: Any, *, title: str, script: str = "", data: Any = None) -> str:
    """A complete page.

    Args:
        template: Name of the template of the page's body.
        content: The template's `content`.
        title: Title of the page.
        script: Name of the file of its script; empty: it has none.
        data: Numbers and texts for the script, as JSON values.
    """
    scripts = [_EARLY, (FOLDER / script).read_text(encoding="utf-8")] if script else []
    policy = "; ".join(
        (
            "default-src 'none'",
            "style-src 'unsafe-inline'",
            f"script-src {' '.join(map(_digest, scripts)) or chr(39) + 'none' + chr(39)}",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    return (
        _environment()
        .get_template(template)
        .render(
            content=content,
            title=title,
            policy=policy,
            style=_markup((FOLDER / "style.css").read_text(encoding="utf-8")),
            scripts=[_markup(text) for text in scripts],
            data=None if data is None else _markup(script_json(data)),
        )
    )


def script_json(data: Any) -> str:
    """JSON that may be in a script element: no text in it can end the element."""
    text = json_text(data)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _digest(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _markup(text: str) -> Any:
    from markupsafe import Markup

    return Markup(text)  # files of this package, and `script_json`


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _finalize(value: Any) -> Any:
    from markupsafe import Markup

    return plain_text(value) if isinstance(value, str) and not isinstance(value, Markup) else value
