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
from duetbench.toy.corpus import TrainingText, duet_texts, informative_duet_texts, rating_texts
from duetbench.toy.measure import Measurements, StrategyMeasurement, measure
from duetbench.toy.other_strategies import aspect_texts, informative_other_strategy_texts, other_strategy_texts
from duetbench.toy.tokenizer import train_tokenizer
from duetbench.toy.train import CurriculumStage, new_model, train
from duetbench.types import ModelRef

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

REPORT_FILE = "build.json"
CONTEXT_LENGTH = 2048
WIDTH, LAYERS = 64, 3


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
            f"  readable answers: {measured.readable:.1%} at temperature 0, {measured.readable_sampled:.1%} at 1",
            f"  MAE of the global mean: {measured.mae_global_mean:.3f}",
            f"  MAE with true profiles: {_mae_pair_text(measured.mae_true_0, measured.mae_true_10)}",
            f"  MAE with the profiles it writes: {_mae_pair_text(measured.mae_written_0, measured.mae_written_10)}",
            f"  MAE with sampled profiles: {_mae_pair_text(measured.mae_sampled_0, measured.mae_sampled_10)}",
            f"  MAE without profiles, history_k 10: {_mae_text(measured.mae_none_10)}",
            f"  informative at temperature 1: users {measured.telling_user:.1%}, items {measured.telling_item:.1%}",
            *(f"  {name}: {_strategy_text(result)}" for name, result in measured.others.items()),
            *(f"  NOT MET: {fault}" for fault in measured.faults()),
        ]


def _strategy_text(result: StrategyMeasurement) -> str:
    readable = f"readable {result.readable:.1%} at temperature 0, {result.readable_sampled:.1%} at 1"
    maes = f"MAE {_mae_text(result.mae_written)}, with informative profiles {_mae_text(result.mae_careful)}"
    return f"{readable}; {maes}"


def _mae_pair_text(without_history: float | None, with_history: float | None) -> str:
    return f"{_mae_text(without_history)} (history_k 10: {_mae_text(with_history)})"


def _mae_text(mae: float | None) -> str:
    return "no prediction" if mae is None else f"{mae:.3f}"


def build_toy_lm(
    out: Path,
    *,
    seed: int,
    on_progress: OnProgress | None = None,
    steps_scale: float = 1.0,
    measured_pairs: int = 300,
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
    """The tokenizer, which is the same for every build; its texts contain every word many times."""
    random = Random("toy tokenizer")
    texts = [text for _ in range(1500) for text in _all_kinds(random)]
    parts = [part for text in texts for part in (*(message.content for message in text.messages), text.answer)]
    return train_tokenizer(parts, context_length=CONTEXT_LENGTH)


def training_texts_digest() -> str:
    """SHA-256 of a sample of the training texts; if it changes, the model must be built again."""
    random = Random("toy training texts")
    texts = [text for _ in range(50) for text in _mixed_texts(random)]
    return digest_of_value([[*(message.content for message in text.messages), text.answer] for text in texts])


def stages(scale: float = 1.0) -> list[CurriculumStage]:
    """The curriculum: predict from informative profiles, write facts of short histories, then all tasks and lengths."""

    def steps(count: int) -> int:
        return max(2, round(count * scale))

    return [
        CurriculumStage("rating prediction", steps(4000), _informative_rating_text, rating_loss_target=0.65),
        CurriculumStage(
            "profiles with facts", steps(3000), _informative_texts, word_loss_target=0.06, rating_loss_target=0.62
        ),
        CurriculumStage("short histories", steps(600), _short_texts),
        CurriculumStage("all histories", steps(2200), _mixed_texts),
        CurriculumStage("decay", steps(1400), _mixed_texts, final_learning_rate=5e-5, token_budget=6144),
    ]


def _all_kinds(random: Random) -> list[TrainingText]:
    return [
        *duet_texts(random),
        *rating_texts(random),
        *other_strategy_texts(random, count=5),
        *aspect_texts(random),
    ]


def _informative_rating_text(random: Random) -> list[TrainingText]:
    return rating_texts(random, longest_history=0, informative=1.0, other_formats=False)[:1]


def _informative_texts(random: Random) -> list[TrainingText]:
    # without rating texts the model would forget how to predict ratings
    return [*informative_duet_texts(random, longest_history=2), *_informative_rating_text(random)]


def _short_texts(random: Random) -> list[TrainingText]:
    ratings = [text for k in (0, 0, 0, 3) for text in rating_texts(random, longest_history=k)]
    profiles = [*duet_texts(random, longest_history=3), *other_strategy_texts(random, longest_history=3, count=1)]
    facts = [*informative_duet_texts(random, longest_history=3)]
    facts += informative_other_strategy_texts(random, longest_history=4)
    return [*ratings, *profiles, *facts, *aspect_texts(random)]


def _mixed_texts(random: Random) -> list[TrainingText]:
    ratings = [text for k in (0, 0, 0, 3, 10) for text in rating_texts(random, longest_history=k)]
    ratings += rating_texts(random, longest_history=random.choice((0, 10)), informative=0.2)
    profiles = [text for k in (3, 10) for text in duet_texts(random, longest_history=k)]
    facts = [text for k in (4, 10) for text in informative_duet_texts(random, longest_history=k)]
    others = [*other_strategy_texts(random), *informative_other_strategy_texts(random), *aspect_texts(random)]
    return [*ratings, *profiles, *facts, *others]


def _step_reporter(on_progress: OnProgress | None, stage: CurriculumStage) -> Callable[[int, str], None]:
    def on_step(step: int, losses: str) -> None:
        if on_progress:
            on_progress(f"{stage.name} (loss: {losses})", step, stage.steps)

    return on_step


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
