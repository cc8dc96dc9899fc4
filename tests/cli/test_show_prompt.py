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


def test_a_control_shows_what_the_scorer_reads() -> None:
    averages = _shown("duet", "--control", "averages_only", "--example", "3").stdout
    assert averages.startswith("=== scorer rating_expectation under control averages_only: ")
    assert "The user's average is" in averages
    assert "The user rated:" not in averages


def test_a_control_that_reads_profiles_writes_them_first() -> None:
    joint = ("--set", "duet.joint=cross")
    shuffled = _shown("duet", "--control", "shuffled_both", "--example", "3", *joint).stdout
    assert "The user: " in shuffled
    raw = _shown("duet", "--control", "raw_evidence", "--example", "3", *joint).stdout
    assert "The user: " not in raw
    assert "Others rated it:" in raw


def test_a_control_without_a_row_says_why() -> None:
    result = _shown("10h", "--control", "raw_evidence")
    assert result.exit_code == 2
    assert "--control raw_evidence: 10h has no such row" in result.stderr
