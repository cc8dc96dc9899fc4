"""What a model's chat template can do, found out by rendering prompts with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from duetbench.engines.tokens.chat_template import load_chat_template, template_of
from duetbench.engines.tokens.template_arguments import GIVEN, template_arguments
from duetbench.engines.tokens.tokenizer import end_ids
from duetbench.errors import ModelError
from duetbench.types import Message, ModelRef

_TURNS = (Message("system", "Answer in one word."), Message("user", "Which colour?"))
_FOR_TOOLS = frozenset({"tools", "documents", "custom_tools", "builtin_tools", "tools_in_user_message", "xml_tools"})
_THINKING = ("enable_thinking", "thinking")
"""Arguments that switch reasoning before the answer."""


@dataclass(frozen=True, slots=True)
class TemplateFacts:
    """The abilities of a chat template."""

    arguments: tuple[str, ...]
    """Arguments that it reads, without those for tools."""
    has_system_turn: bool
    """False: it drops or rejects the system turn, and accepts its text in the user turn."""
    thinking: str | None
    """The argument that switches reasoning off; None: it has none."""
    end_tokens: tuple[str, ...]
    """Tokens that end a completion."""


def probe_template(model: ModelRef) -> TemplateFacts:
    """The facts about the chat template in a model folder, whose weights need not be there.

    Raises:
        ModelError: there is no usable template or tokenizer.
        EngineError: the template rejects even a single user turn.
    """
    chat = load_chat_template(model)
    arguments = template_arguments(template_of(Path(model.path))) - GIVEN - _FOR_TOOLS
    has_system_turn = True
    try:
        chat.ids(_TURNS)
    except ModelError:
        has_system_turn = False
        load_chat_template(replace(model, merge_system=True)).ids(_TURNS)
    ends = sorted(end_ids(Path(model.path), chat.tokenizer))
    return TemplateFacts(
        arguments=tuple(sorted(arguments)),
        has_system_turn=has_system_turn,
        thinking=next((name for name in _THINKING if name in arguments), None),
        end_tokens=tuple(map(str, chat.tokenizer.convert_ids_to_tokens(ends))),
    )
