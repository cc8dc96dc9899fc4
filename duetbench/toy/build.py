"""Builds toy-lm: a small Llama with a tokenizer of its own, trained from scratch on the text of toy worlds."""

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

from duetbench.engines.transformers.engine import TransformersEngine
from duetbench.errors import ModelError
from duetbench.models.digests import model_digest
from duetbench.prompts import template_digest
from duetbench.toy.corpus import TrainingText, rate, tell_duet, write_duet
from duetbench.toy.measure import Measurements, StrategyMeasurement, measure
from duetbench.toy.others import sort_aspects, tell_others, write_others
from duetbench.toy.tokenizer import train_tokenizer
from duetbench.toy.train import CurriculumStage, new_model, train
from duetbench.types import ModelRef

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

REPORT_FILE = "build.json"
CONTEXT_LENGTH = 2048
WIDTH, LAYERS = 64, 3
PROMPTS = (
    *("duet_paired", "duet_user", "duet_item", "kar_user", "kar_item", "lg_user", "palr_user", "palr_item"),
    *("rlmrec_user", "rlmrec_item", "r4rec_summary", "r4rec_rationale", "r4rec_predict", "score_text", "score_labels"),
)


class OnProgress(Protocol):
    """Is told what is being done and how far it is."""

    def __call__(self, what: str, done: int, total: int, /) -> None:
        """`total` is an upper bound: a stage may end early."""


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build made."""

    folder: Path
    seed: int
    seconds: float
    measurements: Measurements

    def lines(self) -> list[str]:
        """For people, the faults last."""
        about = self.measurements
        return [
            f"toy-lm, seed {self.seed}, built in {self.seconds:.0f} s, measured on {about.pairs} fresh pairs:",
            f"  readable answers: {about.readable:.1%} at temperature 0, {about.readable_sampled:.1%} at 1",
            f"  MAE of the global mean: {about.mae_global_mean:.3f}",
            f"  MAE with true profiles: {_two(about.mae_true_0, about.mae_true_10)}",
            f"  MAE with the profiles it writes: {_two(about.mae_written_0, about.mae_written_10)}",
            f"  MAE with sampled profiles: {_two(about.mae_sampled_0, about.mae_sampled_10)}",
            f"  MAE without profiles, history_k 10: {_shown(about.mae_none_10)}",
            f"  telling at temperature 1: {about.telling_user:.1%} of users, {about.telling_item:.1%} of items",
            *(f"  {name}: {_other(found)}" for name, found in about.others.items()),
            *(f"  NOT MET: {fault}" for fault in about.faults()),
        ]


def _other(found: StrategyMeasurement) -> str:
    readable = f"readable {found.readable:.1%} at temperature 0, {found.readable_sampled:.1%} at 1"
    return f"{readable}; MAE {_shown(found.mae_written)}, with a careful writer's profiles {_shown(found.mae_careful)}"


def _two(without: float | None, with_history: float | None) -> str:
    return f"{_shown(without)} (history_k 10: {_shown(with_history)})"


def _shown(mae: float | None) -> str:
    return "none readable" if mae is None else f"{mae:.3f}"


def build_toy_lm(
    out: Path,
    *,
    seed: int,
    on_progress: OnProgress | None = None,
    steps_scale: float = 1.0,
    measured_pairs: int = 300,
) -> BuildReport:
    """Trains, measures and saves the model; the folder appears whole or not at all.

    The bytes depend on the seed and on torch's version.

    Args:
        out: The model folder. One that a build made before is replaced; anything else that is there is an error.
        seed: Of weights, lessons and their order.
        on_progress: Called after each step.
        steps_scale: Share of the usual number of steps; small values make a model that has learnt nothing, quickly.
        measured_pairs: On how many fresh pairs it is measured.

    Raises:
        ModelError: `out` holds something that no build made.
    """
    import torch

    _check_out(out)
    start = time.monotonic()
    random = Random(f"toy build {seed}")
    torch.manual_seed(seed)
    tokenizer = make_tokenizer()
    model = new_model(tokenizer, width=WIDTH, layers=LAYERS, context_length=CONTEXT_LENGTH)
    for stage in stages(steps_scale):
        train(model, tokenizer, stage, random, on_step=_step_reporter(on_progress, stage))
    unfinished = _save(model, tokenizer, out)
    if on_progress:
        on_progress("measure", 0, 1)
    measurements = measure(_engine(unfinished), pairs=measured_pairs, seed=seed)
    report = BuildReport(out, seed, time.monotonic() - start, measurements)
    _finish(unfinished, report)
    return report


def make_tokenizer() -> PreTrainedTokenizerFast:
    """The same for every seed: its text is drawn until no word is rare."""
    random = Random("toy tokenizer")
    lessons = [lesson for _ in range(1500) for lesson in _all_kinds(random)]
    texts = [text for lesson in lessons for text in (*(one.content for one in lesson.messages), lesson.answer)]
    return train_tokenizer(texts, context_length=CONTEXT_LENGTH)


def taught_prompts() -> dict[str, str]:
    """Digests of the prompt files whose text the lessons are made of: after a change of one, it is time to rebuild."""
    return {name: template_digest(name, "compact") for name in PROMPTS}


def stages(scale: float = 1.0) -> list[CurriculumStage]:
    """The curriculum: read telling profiles, tell what short histories hold, then both and all styles on any length."""

    def steps(count: int) -> int:
        return max(2, round(count * scale))

    return [
        CurriculumStage("read profiles", steps(4000), _read, enough_ratings=0.65),
        CurriculumStage("tell facts", steps(3000), _tell, enough_words=0.06, enough_ratings=0.62),
        CurriculumStage("short histories", steps(600), _short),
        CurriculumStage("all histories", steps(2200), _mixed),
        CurriculumStage("settle", steps(1400), _mixed, final_rate=5e-5, token_budget=6144),
    ]


def _all_kinds(random: Random) -> list[TrainingText]:
    return [*write_duet(random), *rate(random), *write_others(random, count=5), *sort_aspects(random)]


def _read(random: Random) -> list[TrainingText]:
    return rate(random, longest_history=0, telling=1.0, forms=False)[:1]


def _tell(random: Random) -> list[TrainingText]:
    return [*tell_duet(random, longest_history=2), *_read(random)]  # what is not asked for is forgotten


def _short(random: Random) -> list[TrainingText]:
    rated = [lesson for k in (0, 0, 0, 3) for lesson in rate(random, longest_history=k)]
    written = [*write_duet(random, longest_history=3), *write_others(random, longest_history=3, count=1)]
    told = [*tell_duet(random, longest_history=3), *tell_others(random, longest_history=4), *sort_aspects(random)]
    return [*rated, *written, *told]


def _mixed(random: Random) -> list[TrainingText]:
    rated = [lesson for k in (0, 0, 0, 3, 10) for lesson in rate(random, longest_history=k)]
    rated += rate(random, longest_history=random.choice((0, 10)), telling=0.2)
    written = [lesson for k in (3, 10) for lesson in write_duet(random, longest_history=k)]
    told = [lesson for k in (4, 10) for lesson in tell_duet(random, longest_history=k)]
    others = [*write_others(random), *tell_others(random), *sort_aspects(random)]
    return [*rated, *written, *told, *others]


def _step_reporter(on_progress: OnProgress | None, stage: CurriculumStage) -> Callable[[int, str], None]:
    def on_step(step: int, losses: str) -> None:
        if on_progress:
            on_progress(f"{stage.name} (loss: {losses})", step, stage.steps)

    return on_step


def _check_out(out: Path) -> None:
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or (out / REPORT_FILE).is_file())):
        raise ModelError(f"{out} holds something that no build made: name another folder with --out")


def _save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, out: Path) -> Path:
    """Writes all but the report, beside the place where the folder will be."""
    unfinished = out.with_name(f"{out.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    model.save_pretrained(unfinished)
    tokenizer.save_pretrained(unfinished)
    for path in unfinished.iterdir():
        path.chmod(0o644)  # safetensors writes files that only their owner can read
    return unfinished


def _engine(folder: Path) -> TransformersEngine:
    return TransformersEngine(model=ModelRef(f"path:{folder}", str(folder), model_digest(folder)))


def _finish(unfinished: Path, report: BuildReport) -> None:
    """Adds the report and gives the folder its name."""
    body = {
        "seed": report.seed,
        "seconds": round(report.seconds),
        "versions": {name: version(name) for name in ("duetbench", "torch", "transformers", "tokenizers")},
        "prompts": taught_prompts(),
        "measurements": report.measurements.as_dict(),
    }
    (unfinished / REPORT_FILE).write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")
    shutil.rmtree(report.folder, ignore_errors=True)
    unfinished.replace(report.folder)
