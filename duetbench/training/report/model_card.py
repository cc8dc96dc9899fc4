"""The model card of trained weights: base model, training data, settings, usage."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from duetbench import __version__
from duetbench.atomic import write_text
from duetbench.interfaces import TrainingJob
from duetbench.models.origin import Origin, write_origin


def write_model_card(folder: Path, job: TrainingJob, result: Mapping[str, Any]) -> None:
    """Writes `README.md` into the folder, and the base model, which `--model path:` reads."""
    is_adapter = result["settings"]["adapter"] == "lora"
    rewards = ", ".join(f"{reward.name} x {weight:g}" for reward, weight in job.rewards)
    lines = [
        "---",
        f"base_model: {_base(job)}",
        *(["library_name: peft"] if is_adapter else []),
        "tags: [duetbench, profiles, rating-prediction]",
        "---",
        "",
        f"# {job.strategy.name}, trained with {result['trainer']}",
        "",
        f"{'An adapter for' if is_adapter else 'Weights trained from'} {job.model.name} that writes the profiles of "
        f"strategy `{job.strategy.name}`. Trained with duetbench {__version__}.",
        "",
        "| | |",
        "|---|---|",
        f"| training rows | {len(job.train)} |",
        f"| validation rows | {len(job.valid)} |",
        f"| rewards | {rewards or 'none'} |",
        f"| scorer in the loop | {job.scorer.name} |",
        f"| updates | {result['steps']}, best after {result['best_step']} |",
        f"| seed | {job.seed} |",
        f"| base weights (SHA-256) | {job.model.digest} |",
        "",
        *_evaluations(result),
        *([f"**Warning**: {result['alarm']}.", ""] if result.get("alarm") else []),
        "## Settings",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in sorted(result["settings"].items())),
        "",
        "## Use",
        "",
        *_use(folder, job, is_adapter=is_adapter),
    ]
    write_text(folder / "README.md", "\n".join(lines) + "\n")
    write_origin(folder, Origin(job.model.name, job.model.digest))


def _base(job: TrainingJob) -> str:
    return job.model.name if not job.model.name.startswith("path:") else Path(job.model.path).name


def _evaluations(result: Mapping[str, Any]) -> list[str]:
    rows = result["evaluations"]
    if not rows:
        return []
    first = rows[0]
    best = next(row for row in rows if row["step"] == result["best_step"])
    return [
        f"On the {best['rows']} validation rows that the checkpoint was chosen by: mean absolute error "
        f"{best['mae']:.4f}, before training {first['mae']:.4f}; {best['readable']:.1%} of the profiles were readable.",
        "",
    ]


def _use(folder: Path, job: TrainingJob, *, is_adapter: bool) -> list[str]:
    command = ["```", f"duetbench run --strategy {job.strategy.name} --trainer none --model path:{folder}", "```"]
    if not is_adapter:
        return command
    return [
        *command,
        "",
        "Or with peft, where BASE is the folder of the base model:",
        "",
        "```python",
        "from peft import PeftModel",
        "from transformers import AutoModelForCausalLM",
        "",
        'model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("BASE"), "THIS FOLDER")',
        "```",
        "",
        "or, with vLLM, `vllm serve BASE --enable-lora --lora-modules profiles=THIS_FOLDER`.",
    ]
