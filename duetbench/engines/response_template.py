"""Constrained filling: the form's text is given, the model writes only what goes into the gaps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from duetbench.interfaces import Engine
from duetbench.prompts import prompt_key
from duetbench.types import Completion, Prompt, Sampling, Slot, Status

_TAG = re.compile(r"</?\w+>")


@dataclass(slots=True)
class _PartialResponse:
    """A form that is being filled in."""

    prompt: Prompt
    text: str
    gaps: list[Completion] = field(default_factory=list)
    is_blank: bool = True
    """Whether nothing stands in any gap."""
    failed: Completion | None = None
    """The gap that could not be filled; what follows it is not asked."""


def fill_template(engine: Engine, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
    """One completion per prompt: the literals of its form with the model's text in between.

    A gap ends at its stop, at any tag that the form itself writes, at the model's own end, or at its length; the last
    is counted (`truncated_slots`). So the form's tags stand once each, in order.

    Args:
        engine: Any engine that continues a prefill.
        prompts: Each with a `form`; its gaps are asked in rounds, a batch's first gaps together, and so on.
        sampling: `max_tokens` and `stop` are the slots' own.

    Returns:
        Status `ok`; `empty` if nothing stands in any gap; the engine's status if a gap failed. `prompt_tokens` are
        those of the first gap's prompt, `completion_tokens` those written in all gaps.
    """
    sheets = [_PartialResponse(prompt, prompt.prefill) for prompt in prompts]
    written = max((sum(slot.max_tokens for slot in prompt.response_template) for prompt in prompts), default=0)
    # Batch by batch to the last gap: the engine still knows the prompt when the next gap is asked.
    for batch in engine.batches(prompts, written):
        together = [sheets[place] for place in batch]
        for number in range(max(len(sheet.prompt.response_template) for sheet in together)):
            _fill_round(
                engine, [sheet for sheet in together if number < len(sheet.prompt.response_template)], number, sampling
            )
    return [_completion(sheet) for sheet in sheets]


def _fill_round(engine: Engine, sheets: Sequence[_PartialResponse], number: int, sampling: Sampling) -> None:
    """Fills one gap of each form; gaps with equal limits are asked in one call."""
    alike: dict[tuple[int, tuple[str, ...]], list[_PartialResponse]] = {}
    for sheet in sheets:
        slot = sheet.prompt.response_template[number]
        if sheet.failed is None:
            sheet.text += slot.literal
            if slot.max_tokens > 0:
                alike.setdefault((slot.max_tokens, _stops(sheet.prompt.response_template, slot)), []).append(sheet)
    for (max_tokens, stop), group in alike.items():
        limits = replace(sampling, max_tokens=max_tokens, stop=stop, is_slot=True)
        asked = [_gap_prompt(sheet) for sheet in group]
        for sheet, answer in zip(group, engine.generate(asked, limits), strict=True):
            _write(sheet, answer, max_tokens)


def _write(sheet: _PartialResponse, answer: Completion, max_tokens: int) -> None:
    if answer.status not in ("ok", "empty", "truncated"):
        sheet.failed = answer
        return
    sheet.gaps.append(replace(answer, truncated_slots=int(answer.completion_tokens >= max_tokens)))
    sheet.is_blank = sheet.is_blank and not answer.text[len(sheet.text) :].strip()
    sheet.text = answer.text


def _gap_prompt(sheet: _PartialResponse) -> Prompt:
    """The prompt for the next gap: another prefill is another question, with a key and draws of its own."""
    key = prompt_key(sheet.prompt.messages, sheet.text)
    return replace(sheet.prompt, key=key, prefill=sheet.text, response_template=())


def _stops(form: Sequence[Slot], slot: Slot) -> tuple[str, ...]:
    tags = dict.fromkeys(tag for other in form for tag in _TAG.findall(other.literal))
    return tuple(dict.fromkeys([slot.stop, *tags] if slot.stop else tags))


def _completion(sheet: _PartialResponse) -> Completion:
    status: Status = sheet.failed.status if sheet.failed else "empty" if sheet.is_blank else "ok"
    return Completion(
        text=sheet.text,
        status=status,
        prompt_tokens=sheet.gaps[0].prompt_tokens if sheet.gaps else 0,
        completion_tokens=sum(gap.completion_tokens for gap in sheet.gaps),
        dropped_history=max((gap.dropped_history for gap in sheet.gaps), default=0),
        error=sheet.failed.error if sheet.failed else "",
        cached=bool(sheet.gaps) and all(gap.cached for gap in sheet.gaps),
        truncated_slots=sum(gap.truncated_slots for gap in sheet.gaps),
    )
