"""`duetbench show prompt`: the exact text that a strategy sends to a model for one row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from duetbench.cli.context import Settings
from duetbench.cli.output import echo
from duetbench.errors import UsageError

if TYPE_CHECKING:
    from duetbench.engines.tokens.chat_template import ChatTemplate
    from duetbench.interfaces import Engine
    from duetbench.runner.planning.cells import Cell
    from duetbench.types import Completion, ModelRef, Prompt, Request, Split


@dataclass(frozen=True)
class PromptRow:
    """The row for which prompts are shown, and the model whose chat template is applied."""

    dataset: str | None
    model: str | None
    split: Split
    example: int
    control: str | None
    """A control whose scorer's prompts are shown instead of the strategy's."""


def show_prompts(settings: Settings, strategy: str, row: PromptRow, settings_: tuple[str, ...]) -> None:
    """Prints the prompts, each after a line with its stage, side and length.

    Raises:
        UsageError: the split has no such row.
        DuetbenchError: options, data or model cannot be used.
    """
    from duetbench.engines.tokens.chat_template import load_chat_template
    from duetbench.runner.engine_pool import EnginePool

    cell = _cell(settings, strategy, row, settings_)
    assert cell.writing is not None
    pool = EnginePool(None, on_done=lambda _n: None, on_progress=lambda _line: None)
    try:
        model = pool.model(cell.writing.model)
        chat = load_chat_template(model)
        engine = pool.engine(cell.writing.engine, model)
        examples = _examples(cell, row)
        prompts = _controlled if cell.control else _prompts
        for title, prompt, max_tokens in prompts(cell, examples, row.example, engine):
            echo("\n".join(_prompt_lines(title, prompt, max_tokens, chat, model, engine)))
    finally:
        pool.close()


def _cell(settings: Settings, strategy: str, row: PromptRow, settings_: tuple[str, ...]) -> Cell:
    from duetbench.config import parse_settings
    from duetbench.runner import plan, run_config

    grid: dict[str, Any] = {"strategies": (strategy,), "trainers": ("none",), "baselines": False}
    if row.dataset:
        grid["datasets"] = (row.dataset,)
    if row.model:
        grid["models"] = (row.model,)
    if row.control:
        grid["controls"] = (row.control,)
    planned = plan(run_config(grid, settings=parse_settings(settings_)), settings.plugins)
    cells = [cell for cell in planned.cells if (cell.control.name if cell.control else None) == row.control]
    if not cells:
        reasons = "; ".join(planned.notes) or "it only applies to trained rows, whose prompts are those of the strategy"
        raise UsageError(f"--control {row.control}: {strategy} has no such row: {reasons}")
    return cells[0]


def _examples(cell: Cell, row: PromptRow) -> list[Request]:
    """The requests of the split."""
    from duetbench.runner.examples import Examples

    examples = Examples().of(cell.data, row.split, limit=None, seed=0)
    if row.example >= len(examples):
        raise UsageError(f"--example {row.example}: {row.split} has {len(examples)} rows, counted from 0")
    return [example.request for example in examples]


def _controlled(
    cell: Cell, requests: Sequence[Request], position: int, engine: Engine
) -> Iterator[tuple[str, Prompt, int]]:
    """Title, prompt and `max_tokens` of each prompt of the scorer under the cell's control."""
    from duetbench.runner.controlling import controlled_prompts

    assert cell.control is not None
    for prompt in controlled_prompts(cell, requests, position, engine):
        yield f"scorer {cell.scorer.name} under control {cell.control.name}", prompt, 1


def _prompts(
    cell: Cell, requests: Sequence[Request], position: int, engine: Engine
) -> Iterator[tuple[str, Prompt, int]]:
    """Title, prompt and `max_tokens` of each prompt, stage by stage; all but the last stage are also generated.

    A strategy without stages yields the prompts of the scorer.
    """
    from duetbench.profiling import parse_completion
    from duetbench.types import Profile, Profiles

    assert cell.writing is not None
    request = requests[position]
    stages = cell.writing.strategy.make().stages()
    earlier: dict[str, list[Profile]] = {}
    for number, stage in enumerate(stages):
        prompts = stage.prompts([request], earlier)
        for prompt in prompts:
            yield f"stage {stage.name}, {prompt.side}", prompt, stage.max_tokens
        if number + 1 < len(stages):
            for prompt, completion in _completions(engine, prompts, stage.max_tokens, stage.stop):
                parsed = parse_completion(stage, prompt, completion)
                if parsed.status == "ok":
                    earlier[parsed.key] = list(parsed.profiles)
    if not stages:
        for prompt in cell.scorer.make().prompts([request], [Profiles()]):
            yield f"scorer {cell.scorer.name}", prompt, 1


def _completions(
    engine: Engine, prompts: Sequence[Prompt], max_tokens: int, stop: tuple[str, ...]
) -> list[tuple[Prompt, Completion]]:
    from duetbench.engines.complete import complete
    from duetbench.types import Sampling

    return list(zip(prompts, complete(engine, prompts, Sampling(max_tokens=max_tokens, stop=stop)), strict=True))


def _prompt_lines(
    title: str, prompt: Prompt, max_tokens: int, chat: ChatTemplate, model: ModelRef, engine: Engine
) -> list[str]:
    """A line with counts, a line per turn and per slot of the response template, and the prompt as text."""
    from duetbench.engines.tokens.truncation import truncate, without_spans

    fitted = truncate(prompt, chat, max_tokens=engine.info().context_length - max_tokens)
    if not fitted.ids:
        return [f"=== {title}: {fitted.error}"]
    dropped = f", {fitted.dropped} history lines left out" if fitted.dropped else ""
    header = f"=== {title}: {len(fitted.ids)} tokens for {model.name}{dropped}; the answer has at most {max_tokens}"
    turns = [
        f"    {message.role}: {chat.length(message.content)} tokens"
        for message in without_spans(prompt.messages, fitted.dropped)
    ]
    slots = [
        f"    given in the answer: {slot.literal!r}, then up to {slot.max_tokens} tokens"
        for slot in prompt.response_template
    ]
    return [header, *turns, *slots, chat.text(without_spans(prompt.messages, fitted.dropped), prompt.prefill), ""]
