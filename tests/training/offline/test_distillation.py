"""A strategy's lessons: whose answers are learned, which are turned away, and who predicts in the end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny_world import DOMAIN, job

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
    """Answers by rule; predicts 5 where a rationale says good, 1 where it says bad, else 3."""

    name = "teacher"

    def __init__(self, config: Any = None, *, model: ModelRef, rationales: Sequence[str] = ("A good fit.",)) -> None:
        super().__init__(config or TransformersEngine.Config(), model=model)
        self.rationales = rationales
        self.asked: list[tuple[Prompt, Sampling]] = []
        self._real = TransformersEngine(model=model)

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        self.asked += [(prompt, sampling) for prompt in prompts]
        return [self._answer(prompt, sampling) for prompt in prompts]

    def _answer(self, prompt: Prompt, sampling: Sampling) -> Completion:
        if prompt.side == "note":
            return Completion(ASPECTS, "ok", 1, 1)
        text = self.rationales[min(sampling.sample_index, len(self.rationales) - 1)]
        return Completion(text, "ok" if text else "error", 1, 1)

    def label_logprobs(
        self, prompts: Sequence[Prompt], answer_prefix: str, labels: Sequence[str]
    ) -> list[LabelLogprobs]:
        found = []
        for prompt in prompts:
            text = prompt.messages[-1].content
            star = 5 if "A good fit" in text else 1 if "A bad fit" in text else 3
            found.append(
                LabelLogprobs(tuple(0.0 if int(label) == star else -50.0 for label in labels), prompt_tokens=1)
            )
        return found

    def info(self) -> Any:
        return self._real.info()


def rows(split: str, n: int, *, review: str = SECRET) -> list[Example]:
    first = 100 if split == "valid" else 0
    found = []
    for k in range(n):
        item = Item(f"i{k}", f"record {k}")
        mine = (Interaction(f"u{k}", Item("x", "old"), 5.0, 1, "Fine solos."),)
        theirs = (Interaction("z", item, 4.0, 2, "Great jazz."),)
        request = Request(f"{split}:{first + k}", f"u{k}", item, 10, DOMAIN, mine, theirs, 5.0, 4.0)
        found.append(Example(request, 5.0, review))
    return found


def lesson_job(model: ModelRef, workdir: Path, engine: Engine, **changes: Any) -> TrainingJob:
    values: dict[str, Any] = {
        "strategy": Reason4Rec(Reason4Rec.Config(history_k=2, max_tokens=16, summary_tokens=120, prompt_set="compact")),
        "train": rows("train", 10),
        "valid": rows("valid", 2),
        "scorer": Reason4RecPredictor(Reason4RecPredictor.Config(prompt_set="compact")),
        "rewards": [],
        "engine": engine,
    }
    return job(model, workdir, **{**values, **changes})


def school(work: TrainingJob, **options: Any) -> Any:
    from duetbench.training.offline.sft import SftSettings
    from duetbench.training.presets import SFT_PRESETS, preset_settings

    config, faults = build_config(Sft.Config, {"preset": "cpu", **options}, path="sft")
    assert not faults
    return distillation._Distillation(work, preset_settings(config, SftSettings, SFT_PRESETS))


def targets(work: TrainingJob, name: str) -> tuple[list[tuple[Prompt, str]], dict[str, int]]:
    from collections import Counter

    counts: Counter[str] = Counter()
    lesson = next(each for each in work.strategy.training_stages() if each.name == name)
    made = school(work)
    found = made._targets(lesson, work, made._stage(lesson), counts)
    return found, dict(counts)


def contents(prompts: Sequence[Prompt]) -> str:
    return "\n".join(message.content for prompt in prompts for message in prompt.messages)


def test_the_summarizer_learns_what_the_teacher_says_of_each_review_once(tiny_ref, tmp_path):
    engine = Teacher(model=tiny_ref)
    found, counts = targets(lesson_job(tiny_ref, tmp_path, engine), "summarizer")
    assert {text for _, text in found} == {ASPECTS}
    assert counts["questions"] == len(found) == 11  # ten items' reviews and one that all users wrote alike
    assert {sampling.temperature for _, sampling in engine.asked} == {0.2}


def test_a_rationale_that_leads_astray_is_asked_for_again_with_a_hint(tiny_ref, tmp_path):
    engine = Teacher(model=tiny_ref, rationales=("A bad fit.", "A good fit."))
    found, counts = targets(lesson_job(tiny_ref, tmp_path, engine), "reasoner")
    assert {text for _, text in found} == {"A good fit."}
    assert (counts["accepted_with_hint"], counts["rejected"]) == (10, 0)
    hinted = [prompt for prompt, sampling in engine.asked if prompt.side == "pair" and sampling.sample_index == 1]
    assert all("5" in prompt.messages[-1].content.splitlines()[-1] for prompt in hinted)


def test_no_hint_stands_in_any_prompt_that_the_reasoner_learns(tiny_ref, tmp_path):
    engine = Teacher(model=tiny_ref, rationales=("A bad fit.", "A good fit."))
    found, _ = targets(lesson_job(tiny_ref, tmp_path, engine), "reasoner")
    hinted = [prompt for prompt, sampling in engine.asked if prompt.side == "pair" and sampling.sample_index == 1]
    plain = [prompt for prompt, sampling in engine.asked if prompt.side == "pair" and sampling.sample_index == 0]
    hints = {prompt.messages[-1].content.splitlines()[-1] for prompt in hinted}
    assert hints
    assert not any(hint in contents([prompt for prompt, _ in found]) for hint in hints)
    assert {prompt.messages for prompt, _ in found} <= {prompt.messages for prompt in plain}


def test_a_hinted_rationale_that_gives_the_rating_away_is_turned_away(tiny_ref, tmp_path):
    engine = Teacher(model=tiny_ref, rationales=("A bad fit.", "A good fit, five stars it is."))
    found, counts = targets(lesson_job(tiny_ref, tmp_path, engine), "reasoner")
    assert found == []
    assert (counts["forbidden_word"], counts["rejected"]) == (10 * 10, 10)


def test_a_teacher_that_fails_is_counted(tiny_ref, tmp_path):
    found, counts = targets(lesson_job(tiny_ref, tmp_path, Teacher(model=tiny_ref, rationales=("",))), "reasoner")
    assert found == []
    assert counts["teacher_error"] == 11 * 10
    assert counts["rejected"] == 10


def test_only_the_reward_model_reads_the_rows_own_review(tiny_ref, tmp_path):
    work = lesson_job(tiny_ref, tmp_path, Teacher(model=tiny_ref))
    seen = {
        name: contents([prompt for prompt, _ in targets(work, name)[0]])
        for name in ("summarizer", "reward", "reasoner", "predictor")
    }
    assert {name for name, text in seen.items() if SECRET in text} == {"reward"}


def test_rows_without_a_review_are_no_evidence(tiny_ref, tmp_path):
    train = [
        *rows("train", 3),
        *[replace(row, request=replace(row.request, request_id="train:9")) for row in rows("train", 1, review="  ")],
    ]
    found, counts = targets(lesson_job(tiny_ref, tmp_path, Teacher(model=tiny_ref), train=train), "reward")
    assert (len(found), counts["no_evidence"]) == (3, 1)
    assert {text for _, text in found} == {"Predicted Rating: 5"}


def test_another_scorer_than_its_own_stays_untrained(tiny_ref, tmp_path):
    common = RatingExpectation(RatingExpectation.Config(prompt_set="compact"))
    made = school(lesson_job(tiny_ref, tmp_path, Teacher(model=tiny_ref), scorer=common))
    given = [lesson.name for lesson in made.job.strategy.training_stages() if made.is_given(lesson)]
    assert given == ["summarizer", "reward", "reasoner"]


def test_reward_model_and_reasoner_learn_from_different_rows(tiny_ref, tmp_path):
    work = lesson_job(tiny_ref, tmp_path, Teacher(model=tiny_ref))
    parts = {
        lesson.name: {row.request.request_id for row in distillation._rows(work.train, lesson, None, 0)}
        for lesson in work.strategy.training_stages()
    }
    assert len(parts["reward"]) == 4
    assert not parts["reward"] & parts["reasoner"]
    assert parts["predictor"] == parts["reasoner"]


def test_four_lessons_leave_three_models(tiny_ref, tmp_path):
    config, _ = build_config(Sft.Config, {"preset": "cpu", "epochs": 1.0, "batch": 4}, path="sft")
    work = lesson_job(tiny_ref, tmp_path, Teacher(model=tiny_ref), valid=[])
    found = Sft(config).fit(work)
    assert found == Sft(config).fit(work)
    assert set(found.stages) == {"summary"}
    assert found.scorer is not None
    steps = [
        json.loads((tmp_path / name / "budget.json").read_text())["steps"]
        for name in ("summarizer", "reward", "reasoner", "predictor")
    ]
    assert json.loads((tmp_path / "budget.json").read_text())["steps"] == sum(steps) > 0
    settings = json.loads((tmp_path / "settings.json").read_text())
    assert list(settings) == ["summarizer", "reward", "reasoner", "predictor"]
    assert all((stage["epochs"], stage["lessons"]) == (1.0, "own") for stage in settings.values())


def test_a_lesson_without_targets_is_passed_over_and_told(tiny_ref, tmp_path, capsys):
    work = lesson_job(tiny_ref, tmp_path, Teacher(model=tiny_ref, rationales=("",)), valid=[])
    found = Sft(build_config(Sft.Config, {"epochs": 1.0, "lessons": "own"}, path="sft")[0]).fit(work)
    assert found.writer == tiny_ref
    assert "summary" in found.stages
    assert "lesson reasoner has nothing to learn from" in capsys.readouterr().err


def test_a_lesson_without_any_target_says_why(tiny_ref, tmp_path):
    work = lesson_job(tiny_ref, tmp_path, Teacher(model=tiny_ref), train=rows("train", 4, review=""))
    work = replace(
        work,
        strategy=type("Only", (Reason4Rec,), {"training_stages": lambda self: Reason4Rec.training_stages(self)[1:2]})(),
    )
    with pytest.raises(TrainingError, match="lesson reward has nothing to learn from: examples 2, no_evidence 2"):
        Sft(build_config(Sft.Config, {}, path="sft")[0]).fit(work)
