"""The training stages of a strategy: which targets they have, which are rejected, and which models they train."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny_world import DOMAIN, RecordedProgress, job

from duetbench.config import build_config
from duetbench.engines.transformers.engine import TransformersEngine
from duetbench.errors import TrainingError
from duetbench.interfaces import Engine, TrainingJob
from duetbench.scorers.r4rec_predictor import Reason4RecPredictor
from duetbench.scorers.rating_expectation import RatingExpectation
from duetbench.strategies.r4rec import Reason4Rec
from duetbench.training.offline import distillation
from duetbench.training.offline.sft import Sft
from duetbench.types import Completion, Example, Interaction, Item, LabelLogprobs, ModelRef, Prompt, Request, Sampling

ASPECTS = "Positive Aspects: solos\nNegative Aspects: none\nUser Preference Elements: jazz"
SECRET = "the drummer wore a purple hat"


class Teacher(Engine):
    """Writes given texts; predicts 5 if a rationale says good, 1 if it says bad, else 3. Records its prompts."""

    name = "teacher"

    def __init__(self, config: Any = None, *, model: ModelRef, rationales: Sequence[str] = ("A good fit.",)) -> None:
        super().__init__(config or TransformersEngine.Config(), model=model)
        self.rationales = rationales
        self.sent: list[tuple[Prompt, Sampling]] = []
        self._real = TransformersEngine(model=model)

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        self.sent += [(prompt, sampling) for prompt in prompts]
        return [self._answer(prompt, sampling) for prompt in prompts]

    def _answer(self, prompt: Prompt, sampling: Sampling) -> Completion:
        if prompt.side == "note":
            return Completion(ASPECTS, "ok", 1, 1)
        text = self.rationales[min(sampling.sample_index, len(self.rationales) - 1)]
        return Completion(text, "ok" if text else "error", 1, 1)

    def label_logprobs(
        self, prompts: Sequence[Prompt], answer_prefix: str, labels: Sequence[str]
    ) -> list[LabelLogprobs]:
        ratings = [self._rating(prompt.messages[-1].content) for prompt in prompts]
        return [
            LabelLogprobs(tuple(0.0 if int(label) == rating else -50.0 for label in labels), prompt_tokens=1)
            for rating in ratings
        ]

    def _rating(self, text: str) -> int:
        return 5 if "A good fit" in text else 1 if "A bad fit" in text else 3

    def info(self) -> Any:
        return self._real.info()


def rows(split: str, n: int, *, review: str = SECRET) -> list[Example]:
    first = 100 if split == "valid" else 0
    examples = []
    for k in range(n):
        item = Item(f"i{k}", f"record {k}")
        of_user = (Interaction(f"u{k}", Item("x", "old"), 5.0, 1, "Fine solos."),)
        of_item = (Interaction("z", item, 4.0, 2, "Great jazz."),)
        request = Request(f"{split}:{first + k}", f"u{k}", item, 10, DOMAIN, of_user, of_item, 5.0, 4.0)
        examples.append(Example(request, 5.0, review))
    return examples


def stage_job(model: ModelRef, workdir: Path, engine: Engine, **changes: Any) -> TrainingJob:
    values: dict[str, Any] = {
        "strategy": Reason4Rec(Reason4Rec.Config(history_k=2, max_tokens=16, summary_tokens=120, prompt_set="compact")),
        "train": rows("train", 10),
        "valid": rows("valid", 2),
        "scorer": Reason4RecPredictor(Reason4RecPredictor.Config(prompt_set="compact")),
        "rewards": [],
        "engine": engine,
    }
    return job(model, workdir, **{**values, **changes})


def distillation_of(training_job: TrainingJob, **options: Any) -> Any:
    from duetbench.training.offline.settings import SftSettings
    from duetbench.training.presets import SFT_PRESETS, preset_settings

    config, faults = build_config(Sft.Config, {"preset": "cpu", **options}, path="sft")
    assert not faults
    return distillation._Distillation(training_job, preset_settings(config, SftSettings, SFT_PRESETS))


def targets(training_job: TrainingJob, name: str) -> tuple[list[tuple[Prompt, str]], dict[str, int]]:
    counts: Counter[str] = Counter()
    (stage,) = [stage for stage in training_job.strategy.training_stages() if stage.name == name]
    distilled = distillation_of(training_job)
    prompts_and_texts = distilled._targets(stage, training_job, distilled._stage(stage), counts)
    return prompts_and_texts, dict(counts)


def contents(prompts: Sequence[Prompt]) -> str:
    return "\n".join(message.content for prompt in prompts for message in prompt.messages)


def test_the_summarizer_learns_the_teachers_summary_of_each_distinct_review(tiny_ref, tmp_path):
    engine = Teacher(model=tiny_ref)
    pairs, counts = targets(stage_job(tiny_ref, tmp_path, engine), "summarizer")
    assert {text for _, text in pairs} == {ASPECTS}
    assert counts["questions"] == len(pairs) == 11  # a review of each of ten items, and one that all users share
    assert {sampling.temperature for _, sampling in engine.sent} == {0.2}


def test_a_rationale_that_raises_the_error_is_sampled_again_with_a_hint(tiny_ref, tmp_path):
    engine = Teacher(model=tiny_ref, rationales=("A bad fit.", "A good fit."))
    pairs, counts = targets(stage_job(tiny_ref, tmp_path, engine), "reasoner")
    assert {text for _, text in pairs} == {"A good fit."}
    assert (counts["accepted_with_hint"], counts["rejected"]) == (10, 0)
    hinted = [prompt for prompt, sampling in engine.sent if prompt.side == "pair" and sampling.sample_index == 1]
    assert all("5" in prompt.messages[-1].content.splitlines()[-1] for prompt in hinted)


def test_no_prompt_that_the_reasoner_learns_contains_a_hint(tiny_ref, tmp_path):
    engine = Teacher(model=tiny_ref, rationales=("A bad fit.", "A good fit."))
    pairs, _ = targets(stage_job(tiny_ref, tmp_path, engine), "reasoner")
    hinted = [prompt for prompt, sampling in engine.sent if prompt.side == "pair" and sampling.sample_index == 1]
    plain = [prompt for prompt, sampling in engine.sent if prompt.side == "pair" and sampling.sample_index == 0]
    hints = {prompt.messages[-1].content.splitlines()[-1] for prompt in hinted}
    assert hints
    assert not any(hint in contents([prompt for prompt, _ in pairs]) for hint in hints)
    assert {prompt.messages for prompt, _ in pairs} <= {prompt.messages for prompt in plain}


def test_a_hinted_rationale_that_contains_the_rating_is_rejected(tiny_ref, tmp_path):
    engine = Teacher(model=tiny_ref, rationales=("A bad fit.", "A good fit, five stars it is."))
    pairs, counts = targets(stage_job(tiny_ref, tmp_path, engine), "reasoner")
    assert pairs == []
    assert (counts["forbidden_word"], counts["rejected"]) == (10 * 10, 10)


def test_failures_of_the_teacher_are_counted(tiny_ref, tmp_path):
    pairs, counts = targets(stage_job(tiny_ref, tmp_path, Teacher(model=tiny_ref, rationales=("",))), "reasoner")
    assert pairs == []
    assert counts["teacher_error"] == 11 * 10
    assert counts["rejected"] == 10


def test_only_the_reward_model_reads_the_rows_own_review(tiny_ref, tmp_path):
    training_job = stage_job(tiny_ref, tmp_path, Teacher(model=tiny_ref))
    seen = {
        name: contents([prompt for prompt, _ in targets(training_job, name)[0]])
        for name in ("summarizer", "reward", "reasoner", "predictor")
    }
    assert {name for name, text in seen.items() if SECRET in text} == {"reward"}


def test_rows_without_a_review_are_counted_and_left_out(tiny_ref, tmp_path):
    train = [
        *rows("train", 3),
        *[replace(row, request=replace(row.request, request_id="train:9")) for row in rows("train", 1, review="  ")],
    ]
    pairs, counts = targets(stage_job(tiny_ref, tmp_path, Teacher(model=tiny_ref), train=train), "reward")
    assert (len(pairs), counts["no_evidence"]) == (3, 1)
    assert {text for _, text in pairs} == {"Predicted Rating: 5"}


def test_a_scorer_that_is_not_the_strategys_own_is_not_trained(tiny_ref, tmp_path):
    scorer = RatingExpectation(RatingExpectation.Config(prompt_set="compact"))
    distilled = distillation_of(stage_job(tiny_ref, tmp_path, Teacher(model=tiny_ref), scorer=scorer))
    stages = distilled.job.strategy.training_stages()
    assert [stage.name for stage in stages if distilled.is_applicable(stage)] == ["summarizer", "reward", "reasoner"]


def test_reward_model_and_reasoner_learn_from_different_rows(tiny_ref, tmp_path):
    training_job = stage_job(tiny_ref, tmp_path, Teacher(model=tiny_ref))
    parts = {
        stage.name: {row.request.request_id for row in distillation._rows(training_job.train, stage, None, 0)}
        for stage in training_job.strategy.training_stages()
    }
    assert len(parts["reward"]) == 4
    assert not parts["reward"] & parts["reasoner"]
    assert parts["predictor"] == parts["reasoner"]


def test_four_stages_train_three_models_that_are_used(tiny_ref, tmp_path):
    config, _ = build_config(Sft.Config, {"preset": "cpu", "epochs": 1.0, "batch": 4}, path="sft")
    training_job = stage_job(tiny_ref, tmp_path, Teacher(model=tiny_ref), valid=[])
    models = Sft(config).fit(training_job)
    assert models == Sft(config).fit(training_job)
    assert set(models.stages) == {"summary"}
    assert models.scorer is not None
    steps = [
        json.loads((tmp_path / name / "budget.json").read_text())["steps"]
        for name in ("summarizer", "reward", "reasoner", "predictor")
    ]
    assert json.loads((tmp_path / "budget.json").read_text())["steps"] == sum(steps) > 0
    settings = json.loads((tmp_path / "settings.json").read_text())
    assert list(settings) == ["summarizer", "reward", "reasoner", "predictor"]
    assert all((stage["epochs"], stage["stage_settings"]) == (1.0, "own") for stage in settings.values())


def test_a_stage_without_targets_is_skipped_with_a_message(tiny_ref, tmp_path):
    progress = RecordedProgress()
    teacher = Teacher(model=tiny_ref, rationales=("",))
    training_job = stage_job(tiny_ref, tmp_path, teacher, valid=[], progress=progress)
    models = Sft(build_config(Sft.Config, {"epochs": 1.0, "stage_settings": "own"}, path="sft")[0]).fit(training_job)
    assert models.writer == tiny_ref
    assert "summary" in models.stages
    assert any("training stage reasoner has no targets" in line for line in progress.lines)


def test_an_option_that_the_published_settings_of_all_stages_replace_is_an_error(tiny_ref, tmp_path):
    training_job = stage_job(tiny_ref, tmp_path, Teacher(model=tiny_ref))
    config = build_config(Sft.Config, {"stage_settings": "published", "learning_rate": 1.0}, path="sft")[0]
    with pytest.raises(TrainingError, match=r"sft\.learning_rate: no effect.*set sft\.stage_settings=own"):
        Sft(config).fit(training_job)


def test_a_training_without_any_target_is_an_error_with_the_counts(tiny_ref, tmp_path):
    training_job = stage_job(tiny_ref, tmp_path, Teacher(model=tiny_ref), train=rows("train", 4, review=""))
    only_reward = type("Only", (Reason4Rec,), {"training_stages": lambda self: Reason4Rec.training_stages(self)[1:2]})
    training_job = replace(training_job, strategy=only_reward())
    with pytest.raises(TrainingError, match="training stage reward has no targets: examples 2, no_evidence 2"):
        Sft(build_config(Sft.Config, {}, path="sft")[0]).fit(training_job)


@pytest.mark.parametrize("name", ["reward", "predictor"])
def test_a_predictor_of_aspects_is_trained_on_aspects(tiny_ref, tmp_path, name):
    config = Reason4RecPredictor.Config(prompt_set="compact", reviews="aspects")
    training_job = stage_job(tiny_ref, tmp_path, Teacher(model=tiny_ref), scorer=Reason4RecPredictor(config))
    prompts = [prompt for prompt, _ in targets(training_job, name)[0]]
    assert prompts
    assert all(contents([prompt]).count("Positive Aspects: solos") == 2 for prompt in prompts)
    assert "Great jazz" not in contents(prompts)


def test_the_filter_compares_predictions_from_the_same_aspects(tiny_ref, tmp_path, monkeypatch):
    read: list[str] = []
    engine = Teacher(model=tiny_ref)
    rate = engine._rating
    monkeypatch.setattr(engine, "_rating", lambda text: (read.append(text), rate(text))[1])
    config = Reason4RecPredictor.Config(prompt_set="compact", reviews="aspects")
    targets(stage_job(tiny_ref, tmp_path, engine, scorer=Reason4RecPredictor(config)), "reasoner")
    assert {text.count("Positive Aspects: solos") for text in read} == {2}
    assert {"A good fit." in text for text in read} == {True, False}
