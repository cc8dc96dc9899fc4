"""Profiles of all users or items as a table."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from grid_making import logged
from weights_making import WEIGHTS, write_weights

from duetbench.errors import ModelError, RecordError, UsageError
from duetbench.plugins import Plugins
from duetbench.runner import RunOutcome
from duetbench.runner.output.profile_export import ProfileExport, export_profiles
from duetbench.runner.output.restore import RestoredCell, restore
from duetbench.testing.dummy import DummyEngine

Ran = Callable[..., RunOutcome]
Export = Callable[..., pl.DataFrame]


@pytest.fixture
def duet(ran: Ran, plugins: Plugins) -> RestoredCell:
    """A finished cell of duet that writes the profiles of users and of items separately."""
    outcome = ran("duet.joint=cross", strategies=("duet",), limit=3, baselines=False)
    return restore(outcome.folder, plugins)


@pytest.fixture
def exported(tmp_path: Path) -> Export:
    """Exports to a file and reads it; the counts of the last export are its attribute `counts`."""

    def export(restored: RestoredCell, side: Any = "user", cut: Any = "train", form: Any = "parquet") -> pl.DataFrame:
        export.counts = _export(tmp_path, restored, side, cut, form)  # type: ignore[attr-defined]
        path = tmp_path / "profiles"
        return pl.read_parquet(path) if form == "parquet" else pl.read_ndjson(path)

    return export


def _export(
    folder: Path, restored: RestoredCell, side: Any = "user", cut: Any = "train", form: Any = "parquet"
) -> ProfileExport:
    return export_profiles(restored, side, cut, folder / "profiles", form, store=folder / "store.sqlite")


@pytest.mark.parametrize(("side", "n"), [("user", 12), ("item", 9)])
def test_every_user_or_item_has_a_row_evaluated_or_not(duet: RestoredCell, exported: Export, side: str, n: int) -> None:
    table = exported(duet, side, "all")
    assert table[f"{side}_id"].n_unique() == table.height == n
    assert table["readable"].all()


def test_every_row_names_its_strategy_weights_and_data(duet: RestoredCell, exported: Export) -> None:
    row = exported(duet).to_dicts()[0]
    assert row["strategy"] == "duet"
    assert row["trainer"] == "none"
    assert row["model_digest"] == duet.model.digest
    assert row["adapter_digest"] is None
    assert row["dataset_fingerprint"] == duet.record.dataset.fingerprint  # type: ignore[union-attr]
    assert row["history_cut"] == "train"
    assert row["history_until"] < 1_300_000_000 + 86_400 * 108
    assert len(row["prompt_digest"]) == 64
    assert row["prompt_tokens"] > 0
    assert row["completion_tokens"] > 0
    assert row["history_rows"] == row["interactions"] <= 9
    assert set(json.loads(row["notes"])) == {"cue", "constructed_prompt"}


def test_both_formats_hold_the_same(duet: RestoredCell, exported: Export) -> None:
    assert exported(duet, form="jsonl").to_dicts() == exported(duet).to_dicts()


def test_unreadable_profiles_are_null_and_counted(
    duet: RestoredCell, exported: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = DummyEngine.answer
    calls: list[str] = []

    def answer(self: DummyEngine, prompt: Any, draw: Any) -> str:
        calls.append(prompt.key)
        return "no tags at all" if len(calls) % 3 == 0 else original(self, prompt, draw)

    monkeypatch.setattr(DummyEngine, "answer", answer)
    table = exported(duet, cut="train+valid")
    unreadable = table.filter(~pl.col("readable"))
    assert unreadable.height == table["profile"].null_count() == exported.counts.statuses["unreadable"] > 0  # type: ignore[attr-defined]
    assert set(unreadable["status"]) == {"unreadable"}


def _echo(_self: DummyEngine, prompt: Any, _draw: Any) -> str:
    text = " ".join(message.content for message in prompt.messages).replace("<", " ").replace(">", " ")
    return (
        f"<{prompt.side}_profile><cue>a cue</cue><constructed_prompt>what to say</constructed_prompt>"
        f"<profile>{text}</profile></{prompt.side}_profile>"
    )


@pytest.mark.parametrize("side", ["user", "item"])
def test_words_of_later_splits_are_in_no_export_of_the_training_cut(
    duet: RestoredCell, exported: Export, side: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DummyEngine, "answer", _echo)  # its profiles repeat the prompt
    data = duet.cell.data
    words = pl.concat_str(pl.lit("zqcanary"), "split", "row")
    planted = data.prepared.with_interactions(data.prepared.interactions.with_columns(review=words, summary=words))
    cell = replace(duet.cell, data=replace(data, prepared=planted))
    text = {cut: " ".join(exported(replace(duet, cell=cell), side, cut)["profile"]) for cut in ("train", "all")}
    assert "zqcanarytrain" in text["train"]
    assert "zqcanaryvalid" not in text["train"]
    assert "zqcanarytest" not in text["train"]
    assert "zqcanarytest" in text["all"]


def test_an_interrupted_export_resumes_with_the_remaining_prompts(
    duet: RestoredCell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    monkeypatch.setenv("GRID_LOG", str(log))
    original = DummyEngine.answer
    with monkeypatch.context() as patch:

        def answer(self: DummyEngine, prompt: Any, draw: Any) -> str:
            if len(logged(log, "text")) > 6:
                raise KeyboardInterrupt
            return original(self, prompt, draw)

        patch.setattr(DummyEngine, "answer", answer)
        with pytest.raises(KeyboardInterrupt):
            _export(tmp_path, duet)
    assert not (tmp_path / "profiles").exists()
    first = logged(log, "text")
    assert len(first) == 8  # batches of two; the fourth was interrupted
    _export(tmp_path, duet)
    assert not set(logged(log, "text")[8:]) & set(first[:6])


def test_a_strategy_that_writes_pairs_is_refused(ran: Ran, plugins: Plugins, tmp_path: Path) -> None:
    outcome = ran(strategies=("duet",), limit=3, baselines=False)
    with pytest.raises(UsageError, match=r"no user profile without a partner .*joint=cross"):
        _export(tmp_path, restore(outcome.folder, plugins))


def test_a_run_with_several_cells_is_refused_with_their_names(ran: Ran, plugins: Plugins) -> None:
    outcome = ran("duet.joint=cross", strategies=("duet",), limit=3, seeds=(0, 1))
    with pytest.raises(RecordError, match=r"2 cells .* wrote profiles; name one of them: .*duet__none.*s0.*s1"):
        restore(outcome.folder, plugins)
    (cell,) = outcome.folder.glob("cells/duet__*s1*")
    assert restore(cell, plugins).cell.seed == 1


def test_a_run_without_profiles_is_refused(ran: Ran, plugins: Plugins) -> None:
    with pytest.raises(RecordError, match="no finished cell"):
        restore(ran(limit=3).folder, plugins)


def test_a_restored_cell_has_the_options_of_its_run(ran: Ran, plugins: Plugins) -> None:
    outcome = ran("duet.joint=cross", "duet.history_k=3", "history.average=all", strategies=("duet",), limit=3)
    restored = restore(outcome.folder, plugins)
    assert restored.cell.id == restored.record.cell_id


def test_changed_weights_are_refused(duet: RestoredCell, tmp_path: Path, model: str) -> None:
    write_weights(Path(model.removeprefix("path:")) / WEIGHTS, value=1)
    with pytest.raises(ModelError, match="no longer those of"):
        _export(tmp_path, duet)


def test_users_without_a_prompt_have_a_status_of_their_own(ran: Ran, plugins: Plugins, exported: Export) -> None:
    options = ("lg.recent_k=6", "lg.short_history=skip_profile")
    outcome = ran(*options, strategies=("lg",), trainers=("none",), limit=12, baselines=False)
    table = exported(restore(outcome.folder, plugins))
    unasked = table.filter(pl.col("status") == "unasked")
    assert 0 < unasked.height < table.height
    assert unasked["profile"].null_count() == unasked.height
    assert unasked["interactions"].max() <= 6 < table.filter(pl.col("readable"))["interactions"].min()
