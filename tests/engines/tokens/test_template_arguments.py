"""Arguments that a chat template does not read would have no effect."""

from __future__ import annotations

from dataclasses import replace

import pytest

from duetbench.engines.tokens.chat_template import load_chat_template
from duetbench.engines.tokens.template_arguments import template_arguments
from duetbench.errors import ModelError
from duetbench.types import ModelRef

QWEN = "{% for m in messages %}{{ m }}{% endfor %}{% if enable_thinking is defined and not enable_thinking %}{% endif %}"


def test_the_names_that_a_template_reads_are_found() -> None:
    assert template_arguments(QWEN) == {"messages", "enable_thinking"}


def test_marks_of_generated_text_are_no_fault() -> None:
    assert template_arguments("{% generation %}{{ a }}{%- endgeneration -%}") == {"a"}


def test_an_invalid_template_is_an_error() -> None:
    with pytest.raises(ModelError, match="the chat template is invalid"):
        template_arguments("{% if %}")


def test_an_argument_without_effect_is_an_error(model: ModelRef) -> None:
    with pytest.raises(ModelError, match="has no argument enable_thinking, so it has no effect; it has none"):
        load_chat_template(replace(model, template_args={"enable_thinking": False}))
