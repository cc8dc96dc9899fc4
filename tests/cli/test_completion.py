"""What shells complete, asked as shells ask."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from duetbench.cli import main
from duetbench.models import card_names

ROOT = Path(__file__).parents[2]


def _completed(*words: str) -> set[str]:
    """The values for the last word."""
    shell = ShellComplete(main, {}, "duetbench", "_DUETBENCH_COMPLETE")
    return {item.value for item in shell.get_completions(list(words[:-1]), words[-1])}


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("run --strategy |du", "duet"),
        ("run --strategy duet --dataset |to", "toy"),
        ("run --model |toy", "toy-lm"),
        ("run --model |pa", "path:"),
        ("run --trainer |gr", "grpo"),
        ("run --scorer |bi", "bias"),
        ("run --engine |tr", "transformers"),
        ("list |strat", "strategy"),
        ("show |str", "strategy"),
        ("show |opt", "options"),
        ("show strategy |du", "duet"),
        ("show strategies |du", "duet"),
        ("show prompt |du", "duet"),
        ("show preset |duet", "duet-code"),
        ("show options |hist", "history"),
        ("show prompt duet --control |raw", "raw_evidence"),
        ("plugin check |du", "duet"),
        ("plugin check --kind scorer |bi", "bias"),
        ("plugin new |con", "control"),
        ("models pull |qw", "qwen3-8b"),
        ("models add |h", "hf:"),
        ("models build |t", "toy-lm"),
        ("data stats |yel", "yelp"),
        ("data check toy --scorer |rating_t", "rating_text"),
        ("data generate x --format |amazon-2018", "amazon-2018"),
        ("leaderboard show --sort |f1_", "f1_weighted"),
        ("leaderboard show --convention |th", "three_class"),
        ("leaderboard export --format |m", "md"),
        ("bench grpo --strategy |du", "duet"),
        ("audit table |duet-table1", "duet-table1"),
        ("run |--verb", "--verbose"),
    ],
)
def test_names_are_completed(words: str, value: str) -> None:
    before, _, last = words.partition("|")
    assert value in _completed(*before.split(), last)


def test_only_names_that_begin_with_what_was_typed_are_completed() -> None:
    assert _completed("run", "--strategy", "du") == {"duet"}
    assert _completed("run", "--model", "") == {*card_names(), "path:", "hf:"}


def test_only_plugins_of_the_named_kind_are_completed() -> None:
    assert _completed("show", "scorer", "d") == set()
    assert _completed("plugin", "check", "--kind", "scorer", "duet") == set()


def test_names_of_runs_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("toy", "tiny"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "plan.json").write_text("{}")
    assert {"toy", "tiny"} <= _completed("runs", "show", "t")


@pytest.mark.parametrize("words", [("--plugins-dir", "DIR", "run"), ("run", "--plugins-dir", "DIR")])
def test_plugins_of_a_folder_are_completed(words: tuple[str, ...]) -> None:
    folder = str(ROOT / "plugins")
    assert _completed(*(word.replace("DIR", folder) for word in words), "--strategy", "gp") == {"gpg"}


def test_a_plugin_that_prints_or_breaks_does_not_disturb_the_shell(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "loud.py").write_text("print('loud')")
    (tmp_path / "broken.py").write_text("import no_such_package_")
    assert _completed("--plugins-dir", str(tmp_path), "run", "--strategy", "du") == {"duet"}
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("words", ["run --model ", "run --strategy d", "runs show ", "show options "])
def test_completion_imports_nothing_heavy(words: str) -> None:
    code = f"""
import sys
from click.shell_completion import ShellComplete
from duetbench.cli import main
words = {words!r}.split(" ")
ShellComplete(main, {{}}, "duetbench", "_DUETBENCH_COMPLETE").get_completions(words[:-1], words[-1])
print(*sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"torch", "transformers", "trl", "datasets", "pandas", "scipy", "sklearn", "polars", "rich"}
    assert not heavy & set(done.stdout.split())


def test_the_readme_shows_how_to_switch_completion_on() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for shell in ("bash", "zsh", "fish"):
        assert f"_DUETBENCH_COMPLETE={shell}_source duetbench" in text
