"""The single-file plugins in plugins/ work as described and pass the conformance checks."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from unittest import SkipTest

import numpy as np
import pytest

from duetbench.config import build_config
from duetbench.errors import DataError, EngineError, TrainingError
from duetbench.interfaces import PLURALS, Kind, Metric, Strategy
from duetbench.plugins import Plugins, RegisteredPlugin
from duetbench.profiling import write_profiles
from duetbench.testing import CONFORMANCE, DatasetConformance, DummyEngine, GarbageEngine, dummy_model, small_world
from duetbench.testing.conformance.trainer import TrainerConformance
from duetbench.testing.small_world import DOMAIN, sample_rollouts
from duetbench.types import Prompt, Sampling

_FOLDER = Path(__file__).parents[2] / "plugins"
_PLUGINS = Plugins([_FOLDER], environ={})
_ALL = [each for kind in PLURALS for each in _PLUGINS.of_kind(kind).values() if each.origin.startswith("file ")]
_CASES = [(each, check) for each in _ALL for check in CONFORMANCE[each.kind].checks()]

CSV = "user,item,rating,time,review,title\n" + "".join(
    f"u{n % 3},i{n % 4},{n % 5 + 1},{1000 + n},review {n},Title {n % 4}\n" for n in range(60)
)


def _cls(kind: Kind, name: str) -> type:
    return _PLUGINS.get(kind, name).cls


def _with(kind: Kind, name: str, **options: object) -> object:
    config, faults = build_config(_cls(kind, name).Config, options, path=name)
    assert not faults
    return config


def _id(value: object) -> str:
    return value.cls.name if isinstance(value, RegisteredPlugin) else str(value)


@pytest.mark.parametrize(("registered", "check"), _CASES, ids=_id)
def test_example_conforms(registered: RegisteredPlugin, check: str) -> None:
    conformance = type("Checked", (CONFORMANCE[registered.kind],), {"plugin": registered.cls})()
    try:
        getattr(conformance, check)()
    except SkipTest as reason:
        pytest.skip(str(reason))


def test_every_kind_has_an_example() -> None:
    assert {each.kind for each in _ALL} == set(PLURALS)
    assert _PLUGINS.broken == []


def test_two_stage_strategy_has_at_most_forty_lines() -> None:
    lines = (_FOLDER / "gpg.py").read_text(encoding="utf-8").splitlines()
    assert sum(bool(line.strip()) for line in lines) <= 40


def test_gpg_profile_prompt_contains_the_digest() -> None:
    strategy: Strategy = _cls("strategy", "gpg")()
    digest, profile = strategy.stages()
    requests = small_world().requests[:1]
    digest_prompt = digest.prompts(requests, {})[0]
    notes = digest.parse(digest_prompt, "<digest>loves slow songs</digest>")
    assert notes is not None
    prompts = profile.prompts(requests, {digest_prompt.key: notes})
    assert "loves slow songs" in prompts[0].messages[0].content


def test_gpg_counts_unreadable_digests() -> None:
    written = write_profiles(_cls("strategy", "gpg")(), small_world().requests, GarbageEngine(), Sampling())
    digests = [answer for answer in written.answers if answer.stage == "digest"]
    assert digests
    assert all(answer.status != "ok" for answer in digests)


def test_gpg_writes_user_profiles() -> None:
    written = write_profiles(_cls("strategy", "gpg")(), small_world().requests, DummyEngine(), Sampling())
    assert all(profiles.user is not None and profiles.failed is None for profiles in written.profiles)


def test_decayed_mean_without_history_is_the_global_mean() -> None:
    scorer = _cls("scorer", "decayed_item_mean")()
    data = small_world().fitting_data()
    scorer.fit(data)
    cold = next(request for request in small_world().requests if not request.item_history)
    assert scorer.score([cold], [], None)[0].value == pytest.approx(data.interactions["rating"].mean())


def test_decayed_mean_weighs_recent_ratings_more() -> None:
    scorer = _cls("scorer", "decayed_item_mean")(_with("scorer", "decayed_item_mean", half_life_days=1.0))
    scorer.fit(small_world().fitting_data())
    request = next(request for request in small_world().requests if len(request.item_history) >= 2)
    old, new = request.item_history[0], request.item_history[-1]
    first = replace(request, item_history=(replace(old, rating=1.0), replace(new, rating=5.0)))
    second = replace(request, item_history=(replace(old, rating=5.0), replace(new, rating=1.0)))
    assert scorer.score([first], [], None)[0].value > scorer.score([second], [], None)[0].value


def test_directional_accuracy_compares_with_the_users_average() -> None:
    reward = _cls("reward", "directional_accuracy")()
    rollout = sample_rollouts()[0]
    request = replace(rollout.example.request, user_average=3.0)
    liked = replace(rollout, example=replace(rollout.example, request=request, rating=5.0))
    values = [replace(liked, prediction=replace(liked.prediction, value=value)) for value in (4.0, 2.0)]
    assert reward(values) == [1.0, 0.0]


def test_directional_accuracy_is_none_without_an_average() -> None:
    rollout = sample_rollouts()[0]
    request = replace(rollout.example.request, user_average=None)
    cold_start = replace(rollout, example=replace(rollout.example, request=request))
    assert _cls("reward", "directional_accuracy")()([cold_start]) == [None]


class TestCsv(DatasetConformance):
    plugin = _cls("dataset", "csv")

    @pytest.fixture(autouse=True)
    def _write(self, tmp_path: Path) -> None:
        (tmp_path / "ratings.csv").write_text(CSV)
        type(self).raw = tmp_path


def test_csv_counts_incomplete_and_invalid_rows(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    path.write_text(CSV + "u1,i1,9,2000,off the scale,T\nu1,,3,2000,no item,T\nu1,i1,3,soon,no time,T\n")
    tables = _cls("dataset", "csv")().read({"ratings": path})
    assert dict(tables.counts) == {"incomplete or invalid row": 3}
    assert tables.interactions.height == 60


def test_csv_names_missing_columns(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    path.write_text("who,what\na,b\n")
    with pytest.raises(DataError, match="has no column user, item, rating, time, only who, what"):
        _cls("dataset", "csv")().read({"ratings": path})


def _rank_correlation(predicted: Sequence[float], truth: Sequence[float]) -> float | None:
    metric: Metric = _cls("metric", "rank_correlation")()
    return metric.compute(np.asarray(predicted, dtype=float), np.asarray(truth, dtype=float), DOMAIN)["raw"]  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("predicted", "truth", "expected"),
    [
        ([1.2, 2.0, 9.0], [1, 2, 5], 1.0),
        ([3.0, 2.0, 1.0], [1, 2, 5], -1.0),
        ([1, 2, 2, 3], [1, 2, 3, 4], 4.5 / math.sqrt(4.5 * 5)),  # ranks 1 2.5 2.5 4
        ([3, 3, 3], [1, 2, 5], None),
        ([1, 2, 3], [4, 4, 4], None),
        ([3], [3], None),
        ([], [], None),
    ],
)
def test_rank_correlation_by_hand(predicted: list[float], truth: list[float], expected: float | None) -> None:
    found = _rank_correlation(predicted, truth)
    assert found == (expected if expected is None else pytest.approx(expected))


def test_rank_correlation_agrees_with_scipy() -> None:
    from scipy.stats import spearmanr

    rng = np.random.default_rng(0)
    truth = rng.integers(1, 6, 400).astype(float)
    predicted = np.round(truth + rng.normal(0, 1, 400))
    assert _rank_correlation(predicted, truth) == pytest.approx(spearmanr(predicted, truth).statistic, abs=1e-12)


def _prompts() -> Sequence[Prompt]:
    return _cls("strategy", "gpg")().stages()[0].prompts(small_world().requests[:2], {})


def test_replay_looks_answers_up_by_prompt_key(tmp_path: Path) -> None:
    known, unknown = _prompts()
    path = tmp_path / "answers.jsonl"
    path.write_text(json.dumps({"key": known.key, "text": "by hand"}) + "\n")
    engine = _cls("engine", "replay")(_with("engine", "replay", file=str(path)), model=dummy_model())
    answers = engine.generate([unknown, known], Sampling())
    assert [(answer.status, answer.text) for answer in answers] == [("error", ""), ("ok", "by hand")]


def test_replay_line_without_a_key_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text('{"text": "whose?"}\n')
    with pytest.raises(EngineError, match="every line must have `key` and `text`"):
        _cls("engine", "replay")(_with("engine", "replay", file=str(path)), model=dummy_model())


def test_external_adapter_is_copied_into_the_job_folder(tmp_path: Path) -> None:
    adapter, work = tmp_path / "mine", tmp_path / "work"
    adapter.mkdir()
    work.mkdir()
    (adapter / "adapter_config.json").write_text("{}")
    trainer = _cls("trainer", "external_adapter")(_with("trainer", "external_adapter", folder=str(adapter)))
    model = trainer.fit(TrainerConformance().job(work))
    assert model.adapter == str(work / "adapter")
    assert model.adapter_digest


def test_external_adapter_folder_without_config_is_an_error(tmp_path: Path) -> None:
    trainer = _cls("trainer", "external_adapter")(_with("trainer", "external_adapter", folder=str(tmp_path)))
    with pytest.raises(TrainingError, match="has no adapter_config"):
        trainer.fit(TrainerConformance().job(tmp_path))
