"""Following a training: its curve, its evaluations, and when it is stopped."""

from __future__ import annotations

import io
import math
from pathlib import Path

import pytest

from duetbench.errors import TrainingError
from duetbench.training.loop.checkpoints import JsonLinesLog, TrainingFolder
from duetbench.training.loop.monitor import StoppingRules, TrainingMonitor, TrainingStopped
from duetbench.training.loop.validation import Evaluation
from duetbench.training.report.display import open_display

FREE = StoppingRules(patience=0, loss_factor=None, reward_drop=None)


def watching(folder: Path, limits: StoppingRules = FREE, maes: tuple[float, ...] = ()) -> TrainingMonitor:
    """A watch whose evaluations find these errors one after the other."""
    found = iter(maes)

    def evaluate(model: object) -> Evaluation:
        return Evaluation({"mae": next(found), "readable": 1.0}, [])

    return TrainingMonitor(
        TrainingFolder(folder),
        open_display("test", 10, io.StringIO()),
        limits,
        evaluate=evaluate if maes else None,
        keep=("weights",),
        report=dict,
    )


def save(watch: TrainingMonitor, folder: Path, step: int) -> bool:
    checkpoint = folder / "checkpoints" / f"checkpoint-{step}"
    checkpoint.mkdir()
    (checkpoint / "weights").write_text(str(step))
    return watch.saved(None, step, checkpoint)


def log(watch: TrainingMonitor, losses: list[float]) -> None:
    for step, loss in enumerate(losses, 1):
        watch.logged(step, {"loss": loss})


def test_the_best_evaluation_is_kept(tmp_path):
    watch = watching(tmp_path, maes=(1.0, 0.8, 0.9))
    watch.begun(None, 0)
    save(watch, tmp_path, 10)
    save(watch, tmp_path, 20)
    assert watch.best_step == 10
    assert (tmp_path / "best" / "weights").read_text() == "10"


def test_weights_that_never_got_better_are_not_kept(tmp_path):
    watch = watching(tmp_path, maes=(1.0, 1.1))
    watch.begun(None, 0)
    save(watch, tmp_path, 10)
    assert watch.best_step == 0
    assert not (tmp_path / "best").exists()


def test_patience_runs_out(tmp_path):
    watch = watching(tmp_path, StoppingRules(2, None, None), maes=(1.0, 0.9, 0.95, 0.92))
    watch.begun(None, 0)
    assert [save(watch, tmp_path, step) for step in (1, 2, 3)] == [False, False, True]


def test_a_training_whose_patience_had_run_out_does_not_go_on(tmp_path):
    watch = watching(tmp_path, StoppingRules(1, None, None), maes=(1.0, 1.1))
    watch.begun(None, 0)
    save(watch, tmp_path, 1)
    with pytest.raises(TrainingStopped):
        watching(tmp_path, StoppingRules(1, None, None), maes=(0.0,)).begun(None, 1)


def test_a_resumed_training_forgets_what_came_after_its_checkpoint(tmp_path):
    watch = watching(tmp_path, maes=(1.0, 0.9))
    watch.begun(None, 0)
    watch.logged(1, {"loss": 1.0})
    save(watch, tmp_path, 1)
    watch.logged(2, {"loss": 2.0})
    again = watching(tmp_path, maes=(0.5,))
    again.begun(None, 1)
    assert [entry["step"] for entry in again.curve] == [1]
    assert [entry["mae"] for entry in again.evaluations] == [1.0, 0.9]


def test_an_evaluation_that_was_cut_off_is_made_up_for(tmp_path):
    watch = watching(tmp_path, maes=(1.0, 0.9))
    watch.begun(None, 0)
    save(watch, tmp_path, 1)
    JsonLinesLog(tmp_path / "evaluations.jsonl").rewind(0)
    again = watching(tmp_path, maes=(0.9,))
    again.begun(None, 1)
    assert [entry["step"] for entry in again.evaluations] == [0, 1]


def test_gradients_that_are_no_numbers_never_reach_the_weights(tmp_path):
    import torch

    layer = torch.nn.Linear(2, 1)
    layer.weight.grad = torch.tensor([[math.nan, 0.0]])
    with pytest.raises(TrainingError, match="gradient is not finite in update 4"):
        watching(tmp_path).before_update(layer, 3)


def test_a_loss_that_is_no_number_stops(tmp_path):
    with pytest.raises(TrainingError, match="loss is not finite"):
        watching(tmp_path).logged(1, {"loss": math.inf})


def test_a_growing_loss_stops(tmp_path):
    watch = watching(tmp_path, StoppingRules(0, 3.0, None))
    with pytest.raises(TrainingError, match="the loss grew from 1 to"):
        log(watch, [1.0] * 20 + [4.0] * 40)


def test_a_falling_reward_stops_and_names_the_best_weights(tmp_path):
    report = iter([{"reward": 0.8}] * 20 + [{"reward": -0.5}] * 40)
    watch = TrainingMonitor(
        TrainingFolder(tmp_path),
        open_display("test", 10, io.StringIO()),
        StoppingRules(0, None, 0.5),
        evaluate=None,
        keep=("weights",),
        report=lambda: next(report),
    )
    save(watch, tmp_path, 1)
    with pytest.raises(TrainingError, match=r"the reward fell from 0\.8 .* best weights so far are in .*best"):
        log(watch, [0.0] * 60)


def test_a_curve_is_drawn_at_every_checkpoint(tmp_path):
    watch = watching(tmp_path, maes=(1.0, 0.9))
    watch.begun(None, 0)
    watch.logged(1, {"loss": 1.0, "reward_std": 0.1})
    save(watch, tmp_path, 1)
    assert {"curve.csv", "curve.png", "evaluations.csv"} <= {path.name for path in tmp_path.iterdir()}
    assert (tmp_path / "curve.csv").read_text().startswith("step,loss,seconds\n1,1.0,")
