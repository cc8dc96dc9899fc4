"""No payload reaches the terminal in a form that it obeys."""

import pytest
from rich.table import Table

from duetbench.cli.context import Settings
from duetbench.cli.output import echo

PAYLOADS = (
    "\x1b]0;title\x07",
    "\x9b31m",
    "a\rb",
    "\x08",
    "\u202e",
    "[bold]x[/bold]",
    "[link=http://evil]x[/link]",
    ":smile:",
)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_echo_prints_no_control_character(payload: str, capsys: pytest.CaptureFixture[str]) -> None:
    echo(f"x{payload}\n\ty")
    assert not set(capsys.readouterr().out) & set("\x1b\x07\x9b\r\x08\u202e")


@pytest.mark.parametrize("payload", PAYLOADS)
def test_consoles_take_no_control_character_and_no_markup(payload: str, capsys: pytest.CaptureFixture[str]) -> None:
    console = Settings().console
    table = Table(payload, title=payload)
    table.add_row(payload)
    console.print(payload)
    console.print(table)
    out = capsys.readouterr().out
    assert not set(out) & set("\x1b\x07\x9b\r\x08\u202e")
    assert payload in out or not payload.isprintable()


def test_messages_of_errors_are_inert(capsys: pytest.CaptureFixture[str]) -> None:
    from duetbench.cli import main

    with pytest.raises(SystemExit):
        main.main(["show", "strategy", "\x1b]0;t\x07"], standalone_mode=True)
    assert "\x1b" not in capsys.readouterr().err


def test_only_this_module_prints_with_click() -> None:
    import re
    from pathlib import Path

    import duetbench.cli

    prints = re.compile(r"click\.(?:secho|echo|style)\(")
    folder = Path(duetbench.cli.__file__).parent
    users = [path.name for path in folder.rglob("*.py") if prints.search(path.read_text(encoding="utf-8"))]
    assert users == ["output.py"]
