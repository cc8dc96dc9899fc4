"""What is shown of a training."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from duetbench.progress import Progress, ProgressDisplay
from duetbench.progress.training import TrainingTable, evaluation_line


def shown(*, is_terminal: bool) -> str:
    screen = StringIO()
    console = Console(file=screen, force_terminal=is_terminal, width=120)
    with ProgressDisplay(console) as display, display.training("grpo of duet", 2) as training:
        training.evaluated(0, {"mae": 1.0, "readable": 0.5}, is_best=True)
        training.update(1, {"reward": 0.25, "loss": 0.5})
        training.update(2, {"reward": 0.75, "loss": 0.4})
    return screen.getvalue()


def test_without_a_terminal_the_first_and_the_last_update_are_lines() -> None:
    assert shown(is_terminal=False).splitlines() == [
        "grpo of duet: update 0: validation MAE 1.0000, readable 50% (best)",
        "grpo of duet: update 1/2, reward 0.250, loss 0.5000, unknown time left",
        "grpo of duet: update 2/2, reward 0.750, loss 0.4000, 0:00 left",
    ]


def test_a_terminal_gets_a_table_with_the_columns_that_have_values() -> None:
    text = shown(is_terminal=True)
    assert "grpo of duet: 2 of 2 updates" in text
    assert "reward" in text
    assert "tokens/s" not in text


def test_only_the_latest_updates_are_kept() -> None:
    table = TrainingTable("t", 100)
    for step in range(1, 30):
        table.add(step, {"loss": 0.1})
    console = Console(file=StringIO(), width=100)
    console.print(table.render())
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert " 29 " in text
    assert " 20 " not in text


def test_an_evaluation_without_an_error_says_so() -> None:
    assert evaluation_line(3, {}, is_best=False) == "update 3: validation MAE -, readable -"


def test_the_base_class_shows_nothing() -> None:
    with Progress() as progress, progress.training("t", 1) as training:
        training.update(1, {})
        assert training.print_line("a") is None
