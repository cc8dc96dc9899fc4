"""Learning curves and the progress display."""

from __future__ import annotations

import io

from duetbench.training.report.curves import draw_curves, write_csv
from duetbench.training.report.display import open_display


def test_the_csv_file_has_all_columns_step_first(tmp_path):
    write_csv(tmp_path / "curve.csv", [{"step": 1, "reward": 0.5}, {"step": 2, "kl": 0.1}])
    assert (tmp_path / "curve.csv").read_text() == "step,kl,reward\n1,,0.5\n2,0.1,\n"


def test_an_image_is_drawn(tmp_path):
    curve = [{"step": 1, "reward": 0.5, "loss": 0.1}, {"step": 2, "reward": 0.6, "loss": None}]
    draw_curves(tmp_path / "curve.png", curve, [{"step": 0, "mae": 1.0}, {"step": 2, "mae": 0.9}])
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["curve.png"]


def test_without_data_there_is_no_image(tmp_path):
    draw_curves(tmp_path / "curve.png", [], [])
    assert not list(tmp_path.iterdir())


def test_without_a_terminal_there_are_plain_lines():
    stream = io.StringIO()
    display = open_display("grpo of duet", 2, stream)
    display.evaluated(0, {"mae": 1.25, "readable": 0.5}, is_best=True)
    display.update(1, {"reward": 0.5, "readable": 1.0})
    display.close()
    first, second = stream.getvalue().splitlines()
    assert first == "grpo of duet: update 0: validation MAE 1.2500, readable 50% (best)"
    assert second.startswith("grpo of duet: update 1/2, reward 0.500, readable 100%")


def test_a_terminal_gets_a_table():
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    display = open_display("grpo of duet", 2, stream)
    display.update(1, {"reward": 0.5})
    display.evaluated(1, {"mae": None, "readable": 0.0}, is_best=False)
    display.close()
    assert "0.500" in stream.getvalue()
    assert "validation MAE -" in stream.getvalue()
