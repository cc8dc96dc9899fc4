"""A module of the package is a format; nothing else has to name it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from builtin_metrics import METRICS

from duetbench.errors import UnknownName
from duetbench.leaderboard import Board, collect, formats
from duetbench.leaderboard.formats import format_names, render


def test_the_modules_are_the_formats() -> None:
    assert format_names() == ["csv", "html", "json", "md"]


def test_a_new_module_is_a_new_format(board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "titles.py").write_text("def render(board):\n    return ' '.join(m.title for m in board.metrics)\n")
    (tmp_path / "_helper.py").write_text("")
    monkeypatch.setattr(formats, "__path__", [*formats.__path__, str(tmp_path)])
    assert format_names() == ["csv", "html", "json", "md", "titles"]
    assert render(board, "titles") == "MAE RMSE Acc F1 F1 weighted"
    monkeypatch.delitem(sys.modules, "duetbench.leaderboard.formats.titles")


def test_listing_imports_no_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.py").write_text("raise RuntimeError")
    monkeypatch.setattr(formats, "__path__", [*formats.__path__, str(tmp_path)])
    assert "broken" in format_names()


def test_an_unknown_format_gets_the_nearest_one(board: Board) -> None:
    with pytest.raises(UnknownName, match="no leaderboard format named 'jsn'; did you mean 'json'"):
        render(board, "jsn")


@pytest.mark.parametrize("name", format_names())
def test_every_format_is_the_same_twice(board: Board, run: Path, name: str) -> None:
    again = collect([run], METRICS)
    assert render(again, name) == render(board, name)
