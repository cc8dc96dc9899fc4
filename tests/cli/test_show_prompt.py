"""`show prompt` prints the exact text that the model receives."""

from __future__ import annotations

import re
from pathlib import Path

from click.testing import CliRunner, Result

from duetbench.cli import main


def _shown(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["show", "prompt", *arguments, "--dataset", "toy", "--model", "toy-lm"])


def test_prompt_has_the_chat_template_applied() -> None:
    result = _shown("duet", "--example", "3")
    assert result.exit_code == 0, result.output
    head, *lines = result.stdout.rstrip().splitlines()
    assert head.startswith("=== stage profile, pair: ")
    assert lines[1].startswith("<|user|>")
    assert lines[-1].endswith("<|assistant|>")


def test_token_count_is_that_of_the_text_shown() -> None:
    from duetbench.engines.tokens.tokenizer import load_tokenizer
    from duetbench.models import resolve

    head, _turn, *text = _shown("duet", "--example", "3").stdout.rstrip("\n").split("\n")
    ids = load_tokenizer(resolve("toy-lm"))("\n".join(text), add_special_tokens=False)["input_ids"]
    assert int(re.search(r": (\d+) tokens", head)[1]) == len(ids)  # type: ignore[index]


def test_separate_sides_are_two_prompts() -> None:
    heads = [line for line in _shown("duet", "--set", "duet.joint=cross").stdout.splitlines() if line[:3] == "==="]
    assert ["user" in heads[0], "item" in heads[1], len(heads)] == [True, True, 2]


def test_strategy_without_stages_shows_the_scorers_prompt() -> None:
    assert _shown("10h").stdout.startswith("=== scorer rating_expectation: ")


def test_own_prompt_file_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "mine.jinja"
    file.write_text("[[user]]\nSay what {{ domain.plural }} this person likes.\n")
    result = _shown("kar", "--set", f"kar.prompt={file}")
    assert "Say what albums this person likes." in result.stdout


def test_row_out_of_range_is_a_usage_error() -> None:
    result = _shown("duet", "--example", "100000")
    assert result.exit_code == 2
    assert "rows, counted from 0" in result.stderr
