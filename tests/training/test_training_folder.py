"""The folder of a training."""

from __future__ import annotations

import json

import pytest

from duetbench.errors import TrainingError
from duetbench.training.training_folder import JsonLinesLog, TrainingFolder


@pytest.fixture
def folder(tmp_path):
    return TrainingFolder(tmp_path / "work")


def checkpoint(folder: TrainingFolder, step: int, *, is_complete: bool = True) -> None:
    path = folder.checkpoints / f"checkpoint-{step}"
    path.mkdir()
    (path / "adapter_model.safetensors").write_text(str(step))
    if is_complete:
        folder.mark_complete(step)


def test_a_folder_belongs_to_one_job(folder):
    folder.claim({"seed": 1, "lr": 0.1})
    folder.claim({"seed": 1, "lr": 0.1})
    with pytest.raises(TrainingError, match="differs in lr, seed"):
        folder.claim({"seed": 2, "lr": 0.2})


def test_there_is_no_result_before_the_end(folder):
    assert folder.result is None
    folder.finish({"steps": 3})
    assert folder.result == {"steps": 3}


def test_an_incomplete_checkpoint_is_ignored_and_removed(folder):
    checkpoint(folder, 10)
    checkpoint(folder, 20, is_complete=False)
    last = folder.last_checkpoint(print)
    assert last is not None
    assert last.name == "checkpoint-10"
    assert not (folder.checkpoints / "checkpoint-20").exists()


def test_the_two_latest_checkpoints_are_kept(folder):
    for step in (5, 10, 15):
        checkpoint(folder, step)
    assert sorted(path.name for path in folder.checkpoints.iterdir()) == ["checkpoint-10", "checkpoint-15"]


def test_without_a_checkpoint_the_last_one_is_none(folder):
    assert folder.last_checkpoint(print) is None


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "whole.json"])
def test_a_damaged_checkpoint_is_removed_and_the_one_before_it_is_used(folder, name):
    checkpoint(folder, 10)
    checkpoint(folder, 20)
    (folder.checkpoints / "checkpoint-20" / name).write_text("x")
    messages: list[str] = []
    last = folder.last_checkpoint(messages.append)
    assert last is not None
    assert last.name == "checkpoint-10"
    assert messages == [
        f"the checkpoint after update 20 is damaged ({name}) and was removed; resuming from the one before it"
    ]


def test_a_missing_file_of_a_checkpoint_is_damage(folder):
    checkpoint(folder, 10)
    (folder.checkpoints / "checkpoint-10" / "adapter_model.safetensors").unlink()
    assert folder.last_checkpoint(print) is None


def test_a_checkpoint_of_an_earlier_version_without_digests_is_used(folder):
    checkpoint(folder, 10)
    (folder.checkpoints / "checkpoint-10" / "whole.json").write_text('{"step": 10}')
    assert folder.last_checkpoint(print) is not None


def test_the_best_weights_are_replaced_completely(folder):
    checkpoint(folder, 1)
    checkpoint(folder, 2)
    for step in (1, 2):
        folder.keep_best(folder.checkpoints / f"checkpoint-{step}", ("*.safetensors",))
    assert [path.name for path in folder.best.iterdir()] == ["adapter_model.safetensors"]
    assert (folder.best / "adapter_model.safetensors").read_text() == "2"


def test_a_damaged_file_is_an_error_with_a_remedy(folder):
    (folder.path / "result.json").write_text("{half")
    with pytest.raises(TrainingError, match="delete"):
        _ = folder.result


def test_a_folder_that_cannot_be_created_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match="cannot be written"):
        TrainingFolder(tmp_path / "file" / "work")


def test_a_log_is_rewound_to_a_step(tmp_path):
    log = JsonLinesLog(tmp_path / "curve.jsonl")
    for step in (1, 2, 3):
        log.append({"step": step})
    log.rewind(2)
    assert log.read() == [{"step": 1}, {"step": 2}]


def test_an_incomplete_line_is_ignored(tmp_path):
    path = tmp_path / "curve.jsonl"
    path.write_text(json.dumps({"step": 1}) + "\n" + '{"step": ')
    assert JsonLinesLog(path).read() == [{"step": 1}]
