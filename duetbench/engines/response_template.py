"""Constrained generation: the template's literals are fixed, the model writes only what goes into the slots."""

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
    """A response whose slots are filled in one after the other."""

    prompt: Prompt
    text: str
    filled: list[Completion] = field(default_factory=list)
    """One completion per slot so far; `text` is the response up to its end."""
    is_blank: bool = True
    """Whether all slots so far are empty."""
    failed: Completion | None = None
    """The first slot that failed; later slots are not generated."""


def fill_template(engine: Engine, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
    """One completion per prompt: the literals of its response template with the model's text in the slots.

    A slot ends at its stop text, at any tag of the template, at the model's end token, or at its length; the last is
    counted (`truncated_slots`). So each tag of the template occurs exactly once, in order.

    Args:
        engine: Any engine that continues a prefill.
        prompts: Each with a response template; a batch's first slots are generated together, then its second ones...
        sampling: `max_tokens` and `stop` are replaced by the slots' own.

    Returns:
        Status `ok`; `empty` if all slots are empty; the engine's status if a slot failed. `prompt_tokens` are those of
        the first slot's prompt, `completion_tokens` those generated in all slots.
    """
    responses = [_PartialResponse(prompt, prompt.prefill) for prompt in prompts]
    max_tokens = max((sum(slot.max_tokens for slot in prompt.response_template) for prompt in prompts), default=0)
    # Each batch is finished before the next one begins: the engine's prefix cache still holds its prompts.
    for positions in _rounds(engine.batches(prompts, max_tokens), engine.parallel_batches()):
        batch = [responses[position] for position in positions]
        for number in range(max(len(response.prompt.response_template) for response in batch)):
            with_slot = [response for response in batch if number < len(response.prompt.response_template)]
            _fill_slot(engine, with_slot, number, sampling)
    return [_completion(response) for response in responses]


def _rounds(batches: Sequence[Sequence[int]], n_parallel: int) -> list[list[int]]:
    """The positions that are filled in together: one batch, or several for an engine that computes several at a time.

    With four per place, few places are idle while the last slots of a round are filled.
    """
    n = 1 if n_parallel == 1 else 4 * n_parallel
    groups = (batches[start : start + n] for start in range(0, len(batches), n))
    return [[position for batch in group for position in batch] for group in groups]


def _fill_slot(engine: Engine, responses: Sequence[_PartialResponse], number: int, sampling: Sampling) -> None:
    """Fills the slot of that number in each response; slots with equal limits share one call."""
    groups: dict[tuple[int, tuple[str, ...]], list[_PartialResponse]] = {}
    for response in responses:
        template = response.prompt.response_template
        slot = template[number]
        if response.failed is None:
            response.text += slot.literal
            if slot.max_tokens > 0:
                groups.setdefault((slot.max_tokens, _stop_texts(template, slot)), []).append(response)
    for (max_tokens, stop), group in groups.items():
        slot_sampling = replace(sampling, max_tokens=max_tokens, stop=stop, is_slot=True)
        completions = engine.generate([_slot_prompt(response) for response in group], slot_sampling)
        for response, completion in zip(group, completions, strict=True):
            _append(response, completion, max_tokens)


def _append(response: _PartialResponse, completion: Completion, max_tokens: int) -> None:
    if completion.status not in ("ok", "empty", "truncated"):
        response.failed = completion
        return
    response.filled.append(replace(completion, truncated_slots=int(completion.completion_tokens >= max_tokens)))
    response.is_blank = response.is_blank and not completion.text[len(response.text) :].strip()
    response.text = completion.text


def _slot_prompt(response: _PartialResponse) -> Prompt:
    """The prompt for the next slot: it has another prefill, hence a key and random numbers of its own."""
    key = prompt_key(response.prompt.messages, response.text)
    return replace(response.prompt, key=key, prefill=response.text, response_template=())


def _stop_texts(template: Sequence[Slot], slot: Slot) -> tuple[str, ...]:
    tags = dict.fromkeys(tag for other in template for tag in _TAG.findall(other.literal))
    return tuple(dict.fromkeys([slot.stop, *tags] if slot.stop else tags))


def _completion(response: _PartialResponse) -> Completion:
    status: Status = response.failed.status if response.failed else "empty" if response.is_blank else "ok"
    return Completion(
        text=response.text,
        status=status,
        prompt_tokens=response.filled[0].prompt_tokens if response.filled else 0,
        completion_tokens=sum(slot.completion_tokens for slot in response.filled),
        dropped_history=max((slot.dropped_history for slot in response.filled), default=0),
        error=response.failed.error if response.failed else "",
        cached=bool(response.filled) and all(slot.cached for slot in response.filled),
        truncated_slots=sum(slot.truncated_slots for slot in response.filled),
        lost_workers=sum(slot.lost_workers for slot in response.filled),
    )
