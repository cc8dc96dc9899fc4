"""Writes the file of a new single-file plugin from a template."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

from duetbench.errors import PluginError
from duetbench.interfaces import Kind

TEMPLATES = Path(__file__).parent / "templates"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


def plugin_source(kind: Kind, name: str) -> str:
    """The source of a working plugin of that kind.

    Raises:
        PluginError: the name is invalid.
    """
    from jinja2 import Environment, StrictUndefined

    if not _NAME.fullmatch(name):
        raise PluginError(f"invalid plugin name '{name}': use lower-case letters, digits, - and _")
    source = (TEMPLATES / f"{kind}.py.jinja").read_text(encoding="utf-8")
    # not Jinja's usual delimiters: the templates contain prompts in Jinja
    environment = Environment(
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return environment.from_string(source).render(name=name, class_name=_class_name(name))


def write_plugin(kind: Kind, name: str, folder: Path) -> Path:
    """Writes a new plugin file and returns its path.

    Raises:
        PluginError: the name is invalid, or the file exists.
    """
    text = plugin_source(kind, name)
    path = folder / f"{name.replace('-', '_')}.py"
    if path.exists():
        raise PluginError(f"{path} exists: choose another name, or another folder with --into")
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _class_name(name: str) -> str:
    joined = "".join(part.capitalize() for part in re.split("[-_]", name))
    return f"Plugin{joined}" if joined[0].isdigit() or keyword.iskeyword(joined) else joined
