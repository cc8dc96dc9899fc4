"""The arguments that a chat template reads."""

from __future__ import annotations

import re

from duetbench.errors import ModelError
from duetbench.types import ModelRef

_GIVEN = frozenset(
    {"messages", "add_generation_prompt", "bos_token", "eos_token", "pad_token", "unk_token"}
    | {"raise_exception", "strftime_now", "namespace", "range", "dict", "joiner", "cycler", "lipsum"}
)
"""Names in chat templates that are no arguments of the user."""


def template_arguments(template: str) -> set[str]:
    """The names that a chat template reads, messages and special tokens included.

    Raises:
        ModelError: it is not a valid template.
    """
    from jinja2 import Environment, TemplateError, meta

    environment = Environment(extensions=["jinja2.ext.loopcontrols"])  # noqa: S701 - parses, renders nothing
    environment.globals.clear()
    try:
        return set(meta.find_undeclared_variables(environment.parse(_without_generation_blocks(template))))
    except TemplateError as error:
        raise ModelError(f"the chat template is invalid: {' '.join(str(error).split())[:300]}") from error


def _without_generation_blocks(template: str) -> str:
    """The template without the tags that mark what an assistant wrote, which only transformers knows."""
    return re.sub(r"\{%-?\s*(end)?generation\s*-?%\}", "", template)


def check_arguments(template: str, model: ModelRef) -> None:
    """Refuses arguments that the template does not read: they would have no effect.

    Raises:
        ModelError: names them, and those that it reads.
    """
    unknown = sorted(set(model.template_args) - template_arguments(template)) if model.template_args else []
    if unknown:
        known = sorted(template_arguments(template) - _GIVEN)
        raise ModelError(
            f"the chat template of {model.name} has no argument {', '.join(unknown)}, so it has no effect; "
            f"it has {', '.join(known) or 'none'}"
        )
