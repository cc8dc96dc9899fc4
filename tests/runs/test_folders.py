"""Which folders are runs, and what is removed of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from filelock import FileLock

from duetbench.errors import RecordError, UnknownName
from duetbench.runs.folders import find_run, remove_run, run_folders, size_of


@pytest.fixture(autouse=True)
def _inside(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run.parents[1])


def test_runs_are_the_folders_with_a_plan_and_cells(run: Path) -> None:
    (run.parent / "other").mkdir()
    (run.parent / "half").mkdir()
    (run.parent / "half" / "plan.json").write_text("{}")
    assert run_folders() == [Path("runs/mine")]
    assert run_folders(run) == [run]
    assert run_folders(Path("nowhere")) == []


def test_a_run_is_found_by_its_path_and_by_its_name(run: Path) -> None:
    assert find_run(str(run)) == run
    assert find_run("mine") == Path("runs/mine")


def test_an_unknown_run_gets_the_nearest() -> None:
    with pytest.raises(UnknownName, match="no run named 'mien'; did you mean 'mine'"):
        find_run("mien")


def test_a_folder_that_is_no_run_is_refused(run: Path) -> None:
    with pytest.raises(RecordError, match=r"runs is no folder of a run: it has no plan\.json"):
        find_run("runs")


def test_removing_a_run_removes_its_folder(run: Path) -> None:
    for name in ("env.json", "leaderboard.md", "leaderboard.json"):
        (run / name).write_text("{}")
    (run / "trainings" / "t").mkdir(parents=True)
    assert remove_run(run) == []
    assert not run.exists()


def test_files_that_no_run_writes_are_kept(run: Path) -> None:
    (run / "notes.md").write_text("mine")
    (run / "src").mkdir()
    assert remove_run(run) == [run / "notes.md", run / "src"]
    assert sorted(os.listdir(run)) == ["notes.md", "src"]


@pytest.mark.parametrize("missing", ["plan.json", "cells"])
def test_what_is_no_run_is_not_removed(run: Path, missing: str) -> None:
    (run / missing).rename(run / "elsewhere")
    with pytest.raises(RecordError, match="is no folder of a run: nothing is removed"):
        remove_run(run)
    assert (run / "elsewhere").exists()


@pytest.mark.parametrize("plan", ["{}", "[]", '{"cells": [', '{"cells": "a"}', '{"cells": ["a"]}'])
def test_cells_beside_a_plan_that_no_run_has_written_are_not_removed(run: Path, plan: str) -> None:
    (run / "plan.json").write_text(plan)
    with pytest.raises(RecordError, match="is not one that `duetbench run` has written, or is damaged"):
        remove_run(run)
    assert (run / "cells").is_dir()


def test_a_link_to_a_run_is_not_removed(run: Path) -> None:
    link = run.parent / "link"
    link.symlink_to(run)
    with pytest.raises(RecordError, match="is a link to"):
        remove_run(link)
    assert (run / "plan.json").is_file()


def test_the_target_of_a_link_inside_stays(run: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("x")
    (run / "trainings").symlink_to(tmp_path / "kept")
    assert remove_run(run) == []
    assert (tmp_path / "kept" / "file").is_file()


@pytest.mark.parametrize("lock", ["cells/a/lock", "trainings/t.lock"])
def test_a_run_in_which_a_process_works_is_not_removed(run: Path, lock: str) -> None:
    (run / "trainings").mkdir()
    with FileLock(run / lock), pytest.raises(RecordError, match=r"a process is computing \w of .*: nothing is removed"):
        remove_run(run)
    assert (run / "cells" / "a" / "record.json").is_file()


def test_the_size_does_not_follow_links(run: Path, tmp_path: Path) -> None:
    size = size_of(run)
    (tmp_path / "large").write_bytes(b"x" * 1_000_000)
    (run / "link").symlink_to(tmp_path / "large")
    assert size < size_of(run) < size + 1000
