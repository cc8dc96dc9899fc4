"""What a chat template can do is found out by rendering with it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from duetbench.engines.tokens.template_probe import probe_template
from duetbench.errors import EngineError
from duetbench.toy.tokenizer import CHAT_TEMPLATE
from duetbench.types import ModelRef


def reference(model: ModelRef, folder: Path, template: str) -> ModelRef:
    copy = shutil.copytree(model.path, folder / "m", ignore=shutil.ignore_patterns("*.safetensors"))
    (copy / "chat_template.jinja").write_text(template)
    return ModelRef("path:x", str(copy), "")


def test_a_system_turn_is_found(model: ModelRef, tmp_path: Path) -> None:
    facts = probe_template(reference(model, tmp_path, CHAT_TEMPLATE))
    assert (facts.has_system_turn, facts.thinking, facts.arguments) == (True, None, ())
    assert facts.end_tokens == ("<|end|>",)


@pytest.mark.parametrize(
    "template",
    [
        "{% for m in messages if m.role == 'user' %}<|user|>{{ m.content }}{% endfor %}",
        "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}<|user|>{{ messages[0].content }}",
    ],
    ids=["dropped", "rejected"],
)
def test_a_missing_system_turn_is_found(model: ModelRef, tmp_path: Path, template: str) -> None:
    assert not probe_template(reference(model, tmp_path, template)).has_system_turn


def test_a_switch_for_thinking_is_found(model: ModelRef, tmp_path: Path) -> None:
    template = CHAT_TEMPLATE + "{% if enable_thinking is defined and tools %}{{ mood }}{% endif %}"
    facts = probe_template(reference(model, tmp_path, template))
    assert (facts.thinking, facts.arguments) == ("enable_thinking", ("enable_thinking", "mood"))


def test_a_template_that_rejects_everything_is_an_error(model: ModelRef, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="rejects messages of the roles system, user: no"):
        probe_template(reference(model, tmp_path, "{{ raise_exception('no') }}"))
