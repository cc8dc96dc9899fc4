"""The monitor of a training: its curve, its evaluations, and when it is stopped."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from duetbench.errors import TrainingError
from duetbench.progress import TrainingProgress
from duetbench.training.loop.monitor import StoppingRules, TrainingMonitor, TrainingStopped
from duetbench.training.loop.validation import Evaluation
from duetbench.training.training_folder import JsonLinesLog, TrainingFolder

NEVER = StoppingRules(patience=0, loss_factor=None, reward_drop=None)


def monitoring(folder: Path, stopping: StoppingRules = NEVER, maes: tuple[float, ...] = ()) -> TrainingMonitor:
    """A monitor whose evaluations have these errors, one after the other."""
    errors = iter(maes)

    def evaluate(model: object) -> Evaluation:
        return Evaluation({"mae": next(errors), "readable": 1.0}, [])

    return TrainingMonitor(
        TrainingFolder(folder),
        TrainingProgress(),
        stopping,
        evaluate=evaluate if maes else None,
        weight_files=("weights",),
        report=dict,
    )


def save(monitor: TrainingMonitor, folder: Path, step: int) -> bool:
    checkpoint = folder / "checkpoints" / f"checkpoint-{step}"
    checkpoint.mkdir()
    (checkpoint / "weights").write_text(str(step))
    return monitor.on_save(None, step, checkpoint)


def log(monitor: TrainingMonitor, losses: list[float]) -> None:
    for step, loss in enumerate(losses, 1):
        monitor.on_log(step, {"loss": loss})


def test_the_best_evaluation_is_kept(tmp_path):
    monitor = monitoring(tmp_path, maes=(1.0, 0.8, 0.9))
    monitor.on_train_begin(None, 0)
    save(monitor, tmp_path, 10)
    save(monitor, tmp_path, 20)
    assert monitor.best_step == 10
    assert (tmp_path / "best" / "weights").read_text() == "10"


def test_weights_that_never_improved_are_not_kept(tmp_path):
    monitor = monitoring(tmp_path, maes=(1.0, 1.1))
    monitor.on_train_begin(None, 0)
    save(monitor, tmp_path, 10)
    assert monitor.best_step == 0
    assert not (tmp_path / "best").exists()


def test_training_stops_when_the_patience_runs_out(tmp_path):
    monitor = monitoring(tmp_path, StoppingRules(2, None, None), maes=(1.0, 0.9, 0.95, 0.92))
    monitor.on_train_begin(None, 0)
    assert [save(monitor, tmp_path, step) for step in (1, 2, 3)] == [False, False, True]


def test_a_training_whose_patience_had_run_out_is_not_resumed(tmp_path):
    monitor = monitoring(tmp_path, StoppingRules(1, None, None), maes=(1.0, 1.1))
    monitor.on_train_begin(None, 0)
    save(monitor, tmp_path, 1)
    with pytest.raises(TrainingStopped):
        monitoring(tmp_path, StoppingRules(1, None, None), maes=(0.0,)).on_train_begin(None, 1)


def test_a_resumed_training_removes_log_entries_after_its_checkpoint(tmp_path):
    monitor = monitoring(tmp_path, maes=(1.0, 0.9))
    monitor.on_train_begin(None, 0)
    monitor.on_log(1, {"loss": 1.0})
    save(monitor, tmp_path, 1)
    monitor.on_log(2, {"loss": 2.0})
    again = monitoring(tmp_path, maes=(0.5,))
    again.on_train_begin(None, 1)
    assert [entry["step"] for entry in again.curve] == [1]
    assert [entry["mae"] for entry in again.evaluations] == [1.0, 0.9]


def test_a_missing_evaluation_is_repeated_on_resuming(tmp_path):
    monitor = monitoring(tmp_path, maes=(1.0, 0.9))
    monitor.on_train_begin(None, 0)
    save(monitor, tmp_path, 1)
    JsonLinesLog(tmp_path / "evaluations.jsonl").rewind(0)
    again = monitoring(tmp_path, maes=(0.9,))
    again.on_train_begin(None, 1)
    assert [entry["step"] for entry in again.evaluations] == [0, 1]


def test_non_finite_gradients_are_not_applied(tmp_path):
    import torch

    layer = torch.nn.Linear(2, 1)
    layer.weight.grad = torch.tensor([[math.nan, 0.0]])
    with pytest.raises(TrainingError, match="gradient is not finite in update 4"):
        monitoring(tmp_path).on_pre_optimizer_step(layer, 3)


def test_a_non_finite_loss_stops_the_training(tmp_path):
    with pytest.raises(TrainingError, match="loss is not finite"):
        monitoring(tmp_path).on_log(1, {"loss": math.inf})


def test_a_growing_loss_stops_the_training(tmp_path):
    monitor = monitoring(tmp_path, StoppingRules(0, 3.0, None))
    with pytest.raises(TrainingError, match="the loss grew from 1 to"):
        log(monitor, [1.0] * 20 + [4.0] * 40)


def test_a_falling_reward_stops_the_training_and_the_error_names_the_best_weights(tmp_path):
    report = iter([{"reward": 0.8}] * 20 + [{"reward": -0.5}] * 40)
    monitor = TrainingMonitor(
        TrainingFolder(tmp_path),
        TrainingProgress(),
        StoppingRules(0, None, 0.5),
        evaluate=None,
        weight_files=("weights",),
        report=lambda: next(report),
    )
    save(monitor, tmp_path, 1)
    with pytest.raises(TrainingError, match=r"the reward fell from 0\.8 .* best weights so far are in .*best"):
        log(monitor, [0.0] * 60)


def test_a_curve_is_drawn_at_every_checkpoint(tmp_path):
    monitor = monitoring(tmp_path, maes=(1.0, 0.9))
    monitor.on_train_begin(None, 0)
    monitor.on_log(1, {"loss": 1.0, "reward_std": 0.1})
    save(monitor, tmp_path, 1)
    assert {"curve.csv", "curve.png", "evaluations.csv"} <= {path.name for path in tmp_path.iterdir()}
    assert (tmp_path / "curve.csv").read_text().startswith("step,loss,seconds\n1,1.0,")


@pytest.mark.parametrize(("maes", "best"), [((1.0, 0.9, 0.8, 0.5), 20), ((1.0, 0.5, 0.9, 0.4), 20)])
def test_after_a_damaged_checkpoint_the_best_weights_are_those_of_an_existing_evaluation(tmp_path, maes, best):
    monitor = monitoring(tmp_path, maes=maes)
    monitor.on_train_begin(None, 0)
    for step in (10, 20, 30):
        save(monitor, tmp_path, step)
    resumed = monitoring(tmp_path, maes=(1.0,))
    resumed.on_train_begin(None, 20)
    assert resumed.best_step == best
    assert (tmp_path / "best" / "weights").read_text() == str(best)
