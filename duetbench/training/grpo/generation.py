"""Several completions of each prompt from the weights as they are now, as texts and as the tokens to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from duetbench.engines.response_template import fill_template
from duetbench.engines.tokens.truncation import TruncatedPrompt
from duetbench.engines.transformers.decoding import GeneratedTokens
from duetbench.training.grpo.sampling import SamplingSpec, sample_completions
from duetbench.training.policy import Policy
from duetbench.types import Completion, Prompt, Sampling, Status

if TYPE_CHECKING:
    from duetbench.engines.tokens.stop_texts import StopTexts


@dataclass(frozen=True, slots=True)
class SampledCompletion:
    """One completion."""

    completion: Completion
    ids: list[int]
    """Its tokens after the prompt's, never empty."""
    own: list[int]
    """1 for a token that the model chose, 0 for one that a form gave."""


@dataclass(frozen=True)
class GenerationSpec:
    """How drafts are drawn."""

    samples: int
    """Of each prompt."""
    temperature: float
    max_tokens: int
    stop: tuple[str, ...]
    token_budget: int
    """Tokens of one batch, prompts and completions."""


def sample_prompts(
    policy: Policy, asked: Sequence[tuple[Prompt, TruncatedPrompt]], pen: GenerationSpec, seed: int
) -> list[list[SampledCompletion]]:
    """`pen.samples` drafts of each prompt, same order; the same seed draws the same.

    Args:
        policy: Writes.
        asked: Prompts with their tokens; those with a form are filled in gap by gap.
        pen: See `GenerationSpec`.
        seed: Decides all draws.
    """
    free = [place for place, (prompt, _) in enumerate(asked) if not prompt.response_template]
    forms = [place for place, (prompt, _) in enumerate(asked) if prompt.response_template]
    found = dict(zip(free, _draw_free(policy, [asked[place] for place in free], pen, seed), strict=True))
    found |= zip(forms, _fill_forms(policy, [asked[place] for place in forms], pen, seed), strict=True)
    return [found[place] for place in range(len(asked))]


def _draw_free(
    policy: Policy, asked: Sequence[tuple[Prompt, TruncatedPrompt]], pen: GenerationSpec, seed: int
) -> list[list[SampledCompletion]]:
    import torch

    if not asked:
        return []
    stops = policy.stops(pen.stop)
    how = SamplingSpec(pen.temperature, pen.max_tokens, pen.token_budget, policy.chat.pad_id)
    with policy.running(trained=True) as model:
        generator = torch.Generator(model.device).manual_seed(seed)
        drawn = sample_completions(model, [fitted.ids for _, fitted in asked], pen.samples, how, stops, generator)
    return [
        [_draft(policy, prompt, fitted, answer, stops) for answer in answers]
        for (prompt, fitted), answers in zip(asked, drawn, strict=True)
    ]


def _draft(
    policy: Policy, prompt: Prompt, fitted: TruncatedPrompt, answer: GeneratedTokens, stops: StopTexts
) -> SampledCompletion:
    """The completion as the engine would have told it, see `engines.running`."""
    ids = [token for token in answer.ids if token not in stops.ends]
    text, is_stopped = stops.cut(policy.chat.decode_continuation(fitted.ids, ids))
    status: Status = "truncated" if not (answer.is_ended or is_stopped) else "ok" if text.strip() else "empty"
    completion = Completion(prompt.prefill + text, status, len(fitted.ids), len(ids), fitted.dropped)
    return SampledCompletion(completion, answer.ids, [1] * len(answer.ids))


def _fill_forms(
    policy: Policy, asked: Sequence[tuple[Prompt, TruncatedPrompt]], pen: GenerationSpec, seed: int
) -> list[list[SampledCompletion]]:
    """One pass over all forms per sample. What stands in the gaps is cut into tokens anew, together with the tags."""
    drafts: list[list[SampledCompletion]] = [[] for _ in asked]
    engine = policy.engine(trained=True)
    for sample in range(pen.samples if asked else 0):
        sampling = Sampling(pen.temperature, seed=seed, sample_index=sample)
        completions = fill_template(engine, [prompt for prompt, _ in asked], sampling)
        for place, ((prompt, fitted), completion) in enumerate(zip(asked, completions, strict=True)):
            drafts[place].append(_filled(policy, prompt, fitted, completion))
    return drafts


def _filled(policy: Policy, prompt: Prompt, fitted: TruncatedPrompt, completion: Completion) -> SampledCompletion:
    texts, is_own = split_form(prompt, completion.text)
    pieces = policy.pieces(prompt, fitted.dropped, texts)
    ids = [token for piece in pieces for token in piece]
    own = [int(mark) for piece, mark in zip(pieces, is_own, strict=True) for _ in piece]
    return SampledCompletion(completion, ids, own)


def split_form(prompt: Prompt, text: str) -> tuple[list[str], list[bool]]:
    """A filled form in pieces, and which of them the model wrote.

    Args:
        prompt: With its form.
        text: The whole answer; one that broke off ends after any piece.
    """
    rest = text.removeprefix(prompt.prefill)
    pieces: list[str] = []
    is_own: list[bool] = []
    for number, slot in enumerate(prompt.response_template):
        if not rest.startswith(slot.literal):
            break
        pieces.append(slot.literal)
        is_own.append(False)
        rest = rest[len(slot.literal) :]
        following = prompt.response_template[number + 1].literal if number + 1 < len(prompt.response_template) else ""
        end = rest.find(following) if following else len(rest)
        gap = rest if end < 0 else rest[:end]
        if gap:
            pieces.append(gap)
            is_own.append(True)
        rest = rest[len(gap) :]
    return pieces, is_own
