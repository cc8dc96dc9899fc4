"""Builds toy-lm: a small Llama with its own tokenizer, trained from scratch on texts of the toy world."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Protocol

from duetbench.digests import digest_of_value
from duetbench.engines.transformers.engine import TransformersEngine
from duetbench.errors import ModelError
from duetbench.models.digests import model_digest
from duetbench.toy.corpus import LESSON_FORMS, TrainingText, duet_texts, lesson, rating_texts
from duetbench.toy.measure import ErrorReduction, Measurements, StrategyMeasurement, measure
from duetbench.toy.other_strategies import (
    ANSWERS,
    REVIEW_WINDOW,
    aspect_texts,
    careful_rating_text,
    other_strategy_texts,
)
from duetbench.toy.tokenizer import train_tokenizer
from duetbench.toy.train import CurriculumStage, CurriculumTraining, new_model
from duetbench.types import ModelRef

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

REPORT_FILE = "build.json"
CONTEXT_LENGTH = 2048
WIDTH, LAYERS, HEADS = 64, 4, 4


class OnProgress(Protocol):
    """Progress callback of a build."""

    def __call__(self, what: str, done: int, total: int, /) -> None:
        """Reports `done` of at most `total` steps; a stage may end early."""


@dataclass(frozen=True, slots=True)
class BuildReport:
    """The result of a build."""

    folder: Path
    seed: int
    seconds: float
    measurements: Measurements

    def lines(self) -> list[str]:
        """The report as lines of text; conditions that do not hold come last."""
        measured = self.measurements
        return [
            f"toy-lm, seed {self.seed}, built in {self.seconds:.0f} s, measured on {measured.pairs} new pairs:",
            "  MAE of the exact expected rating, by what is known:",
            *(f"    {known}: {mae:.3f}" for known, mae in measured.exact.items()),
            "  MAE of three averages and of the model, by what it reads:",
            *(f"    {name}: {mae:.3f}" for name, mae in measured.mae.items()),
            *(f"  {name}: MAE lower by {_gain_text(gain)}" for name, gain in measured.gains.items()),
            *(f"  {name}: {_strategy_text(result)}" for name, result in measured.strategies.items()),
            *(f"  NOT MET: {fault}" for fault in measured.faults()),
        ]


def _strategy_text(result: StrategyMeasurement) -> str:
    readable = f"readable {result.readable:.1%} at temperature 0, {result.readable_sampled:.1%} at 1"
    written = f"MAE with written profiles {_mae_text(result.mae_written)} and {_mae_text(result.mae_sampled)}"
    careful = f"with careful ones {result.mae_careful:.3f}, lower than without by {_gain_text(result.careful_gain)}"
    return f"{readable}; {written}, {careful}"


def _gain_text(gain: ErrorReduction) -> str:
    return f"{gain.mean:.3f} [{gain.low:.3f}, {gain.high:.3f}]"


def _mae_text(mae: float | None) -> str:
    return "no prediction" if mae is None else f"{mae:.3f}"


def build_toy_lm(
    out: Path,
    *,
    seed: int,
    on_progress: OnProgress | None = None,
    steps_scale: float = 1.0,
    measured_pairs: int = 1000,
) -> BuildReport:
    """Trains, measures and saves the model; the folder is created only when it is complete.

    The weights depend on the seed and on the version of torch.

    Args:
        out: The model folder. The folder of an earlier build is replaced; any other non-empty folder is an error.
        seed: Seed of the weights, the training texts and their order.
        on_progress: Called after each step.
        steps_scale: Factor of the number of steps; small values build an untrained model quickly, for tests.
        measured_pairs: Number of pairs for the measurements.

    Raises:
        ModelError: `out` is not empty and not the folder of an earlier build.
    """
    import torch

    _check_out(out)
    start = time.monotonic()
    random = Random(f"toy build {seed}")
    torch.manual_seed(seed)
    tokenizer = make_tokenizer()
    model = new_model(tokenizer, width=WIDTH, layers=LAYERS, heads=HEADS, context_length=CONTEXT_LENGTH)
    checkpoint = _checkpoint_file(out, seed, steps_scale)
    CurriculumTraining(model, tokenizer, stages(steps_scale), random, checkpoint).run(_step_reporter(on_progress))
    unfinished = _save(model, tokenizer, out)
    if on_progress:
        on_progress("measure", 0, 1)
    measurements = measure(_engine(unfinished), pairs=measured_pairs, seed=seed)
    report = BuildReport(out, seed, time.monotonic() - start, measurements)
    _finish(unfinished, report)
    checkpoint.unlink(missing_ok=True)
    return report


def make_tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer, which is the same for every build; its texts contain every word many times."""
    random = Random("toy tokenizer")
    texts = [text for _ in range(400) for text in _all_kinds(random)]
    parts = [part for text in texts for part in (*(message.content for message in text.messages), text.answer)]
    return train_tokenizer(parts, context_length=CONTEXT_LENGTH)


def training_texts_digest() -> str:
    """SHA-256 of a sample of the training texts; if it changes, the model must be built again."""
    random = Random("toy training texts")
    texts = [text for _ in range(10) for text in _all_stages(random)]
    return digest_of_value([[*(message.content for message in text.messages), text.answer] for text in texts])


def _all_stages(random: Random) -> list[TrainingText]:
    return [*_rating_prediction(random), *_all_tasks(random), *_careful(random)]


def _all_kinds(random: Random) -> list[TrainingText]:
    return [
        lesson(random, lines=0, is_exact=True),
        *duet_texts(random),
        *rating_texts(random),
        *other_strategy_texts(random, count=5),
        *aspect_texts(random),
    ]


def stages(scale: float = 1.0) -> list[CurriculumStage]:
    """The curriculum: what is said about a genre, then the scorers' real prompts, then the writers' as well."""

    def steps(count: int) -> int:
        return max(2, round(count * scale))

    return [
        CurriculumStage("ratings beside genres", steps(1500), _lessons(1), token_budget=512, rating_loss_target=0.3),
        CurriculumStage("ratings near genres", steps(1500), _lessons(2), token_budget=512, rating_loss_target=0.32),
        CurriculumStage("ratings after sentences", steps(1500), _lessons(3), token_budget=512, rating_loss_target=0.35),
        CurriculumStage("ratings after turns", steps(3000), _lessons(4), token_budget=512, rating_loss_target=0.35),
        CurriculumStage("histories", steps(16000), _histories, token_budget=512, rating_loss_target=0.45),
        CurriculumStage("rating prediction", steps(9000), _rating_prediction, token_budget=1024),
        CurriculumStage("all tasks", steps(9000), _all_tasks, token_budget=2048),
        CurriculumStage("decay", steps(3000), _all_tasks, final_learning_rate=1e-5, token_budget=3072),
        CurriculumStage("careful profiles", steps(3500), _careful, 1e-3, final_learning_rate=1e-5, token_budget=3072),
    ]


def _lessons(n_forms: int) -> Callable[[Random], list[TrainingText]]:
    """Profiles with the first `n_forms` forms of lessons: the distance of ratings from their genres grows slowly."""
    return lambda random: [lesson(random, lines=0, is_exact=True, form=random.choice(LESSON_FORMS[:n_forms]))]


def _histories(random: Random) -> list[TrainingText]:
    forms = (*LESSON_FORMS, "adjacent", "adjacent")
    histories = [
        lesson(random, lines=random.choice((8, 16)), is_exact=True, form=random.choice(forms)) for _ in range(2)
    ]
    return [*_lessons(len(LESSON_FORMS))(random), *histories]


def _rating_prediction(random: Random) -> list[TrainingText]:
    exact = lesson(random, lines=random.choice((0, 8, 16)), is_exact=True, form=random.choice(LESSON_FORMS))
    windows = (random.choice((3, 10, 10, 50)) for _ in range(8))
    return [exact, _real_lesson(random), *(text for k in windows for text in rating_texts(random, longest_history=k))]


def _real_lesson(random: Random) -> TrainingText:
    forms = (*LESSON_FORMS, "turn", "turn")
    lines = random.choice((0, 0, 10, 20, 40))
    return lesson(random, lines=lines, is_exact=False, form=random.choice(forms))


def _all_tasks(random: Random) -> list[TrainingText]:
    windows = (random.choice((3, 10, 50, 50)) for _ in range(10))
    ratings = (text for k in windows for text in rating_texts(random, longest_history=k))
    profiles = (text for k in (5, random.choice((10, 50))) for text in duet_texts(random, longest_history=k))
    others = (text for k in (5, random.choice((10, 50))) for text in other_strategy_texts(random, longest_history=k))
    return [_real_lesson(random), *ratings, *profiles, *others, *aspect_texts(random)[:1]]


def _careful(random: Random) -> list[TrainingText]:
    """All writers' tasks, and the scorer's; in half of its prompts a complete profile of one of the strategies."""
    ratings = (text for _ in range(4) for text in rating_texts(random))
    careful = (careful_rating_text(random) for _ in range(4))
    profiles = (text for k in (10, 50) for text in duet_texts(random, longest_history=k))
    others = other_strategy_texts(random, reviews=random.choice((10, REVIEW_WINDOW)), count=len(ANSWERS))
    return [_real_lesson(random), *ratings, *careful, *profiles, *others, *aspect_texts(random)[:1]]


def _step_reporter(on_progress: OnProgress | None) -> Callable[[CurriculumStage, int, str], None]:
    def on_step(stage: CurriculumStage, step: int, losses: str) -> None:
        if on_progress:
            on_progress(f"{stage.name} (loss: {losses})", step, stage.steps)

    return on_step


def _checkpoint_file(out: Path, seed: int, steps_scale: float) -> Path:
    """Beside the model folder; its name tells builds apart that would differ."""
    out.parent.mkdir(parents=True, exist_ok=True)
    key = digest_of_value([training_texts_digest(), seed, steps_scale, WIDTH, LAYERS, HEADS, version("torch")])
    return out.with_name(f"{out.name}.{key[:12]}.checkpoint")


def _check_out(out: Path) -> None:
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or (out / REPORT_FILE).is_file())):
        raise ModelError(f"{out} is not empty and not a build of toy-lm: choose another folder with --out")


def _save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, out: Path) -> Path:
    """Writes model and tokenizer to a temporary folder next to `out`."""
    unfinished = out.with_name(f"{out.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    model.save_pretrained(unfinished)
    tokenizer.save_pretrained(unfinished)
    for path in unfinished.iterdir():
        path.chmod(0o644)  # safetensors makes its files readable by the owner only
    return unfinished


def _engine(folder: Path) -> TransformersEngine:
    return TransformersEngine(model=ModelRef(f"path:{folder}", str(folder), model_digest(folder)))


def _finish(unfinished: Path, report: BuildReport) -> None:
    """Writes the report and moves the folder to its final path."""
    content = {
        "seed": report.seed,
        "seconds": round(report.seconds),
        "versions": {name: version(name) for name in ("duetbench", "torch", "transformers", "tokenizers")},
        "training_texts": training_texts_digest(),
        "measurements": report.measurements.as_dict(),
    }
    (unfinished / REPORT_FILE).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    shutil.rmtree(report.folder, ignore_errors=True)
    unfinished.replace(report.folder)
