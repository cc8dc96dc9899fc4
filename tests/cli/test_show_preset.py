"""`duetbench show preset`."""

from __future__ import annotations

from click.testing import CliRunner

from duetbench.cli import main


def show(name: str) -> str:
    result = CliRunner().invoke(main, ["show", "preset", name])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_presets_are_compared_with_their_sources() -> None:
    lines = show("duet-code").splitlines()
    (row,) = [line for line in lines if line.strip().startswith("history.source")]
    assert row.split()[:3] == ["history.source", "*", "train"]
    assert "train+test" in row
    assert "rl_dataset.py" in row
    assert show("paper").splitlines()[:-1] == lines[:-1]  # the last line names the preset


def test_a_trainers_preset_is_shown_alone() -> None:
    assert "grpo.rounds" in show("cpu")


def test_an_unknown_preset_is_refused() -> None:
    result = CliRunner().invoke(main, ["show", "preset", "papers"])
    assert result.exit_code != 0
    assert "did you mean 'paper'" in result.stderr
