"""Learning curves."""

from __future__ import annotations

from duetbench.training.report.curves import draw_curves, write_csv


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
