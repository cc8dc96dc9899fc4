"""Several completions of each prompt from the current weights, as text and as the tokens to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from duetbench.engines.response_template import fill_template
from duetbench.engines.token_runner import TokenizedPrompt
from duetbench.engines.tokens.truncation import TruncatedPrompt
from duetbench.engines.transformers.decoding import GeneratedTokens
from duetbench.engines.transformers.model_runner import completion_of
from duetbench.training.grpo.sampling import SamplingSpec, sample_completions
from duetbench.training.policy import Policy
from duetbench.training.policy_engine import policy_engine
from duetbench.types import Completion, Prompt, Sampling

if TYPE_CHECKING:
    from duetbench.engines.tokens.stop_texts import StopTexts

EncodedPrompt = tuple[Prompt, TruncatedPrompt]
"""A prompt and its tokens."""


@dataclass(frozen=True, slots=True)
class SampledCompletion:
    """One completion, as text and as tokens."""

    completion: Completion
    ids: list[int]
    """The tokens after the prompt's, never empty."""
    loss_mask: list[int]
    """1 for a token that the model chose, 0 for one that a response template gave."""

    @property
    def is_truncated(self) -> bool:
        """Whether it reached its maximum length, or one of the slots of its response template did."""
        return self.completion.status == "truncated" or self.completion.truncated_slots > 0


@dataclass(frozen=True)
class GenerationSpec:
    """How completions are sampled."""

    num_generations: int
    """Completions per prompt."""
    temperature: float
    max_tokens: int
    stop: tuple[str, ...]
    token_budget: int
    """Tokens per batch, prompts and completions."""


def sample_prompts(
    policy: Policy, prompts: Sequence[EncodedPrompt], generation: GenerationSpec, seed: int
) -> list[list[SampledCompletion]]:
    """`num_generations` completions of each prompt, in the order of the prompts.

    Args:
        policy: Its current weights are used.
        prompts: With their tokens; those with a response template are filled in slot by slot.
        generation: See `GenerationSpec`.
        seed: The same seed gives the same completions.
    """
    plain = [position for position, (prompt, _) in enumerate(prompts) if not prompt.response_template]
    templates = [position for position, (prompt, _) in enumerate(prompts) if prompt.response_template]
    sampled = dict(zip(plain, _sample_plain(policy, [prompts[n] for n in plain], generation, seed), strict=True))
    sampled |= zip(templates, _fill_templates(policy, [prompts[n] for n in templates], generation, seed), strict=True)
    return [sampled[position] for position in range(len(prompts))]


def _sample_plain(
    policy: Policy, prompts: Sequence[EncodedPrompt], generation: GenerationSpec, seed: int
) -> list[list[SampledCompletion]]:
    import torch

    if not prompts:
        return []
    stops = policy.stops(generation.stop)
    spec = SamplingSpec(generation.temperature, generation.max_tokens, generation.token_budget, policy.chat.pad_id)
    with policy.running(trained=True) as model:
        generator = torch.Generator(model.device).manual_seed(seed)
        contexts = [encoded.ids for _, encoded in prompts]
        groups = sample_completions(model, contexts, generation.num_generations, spec, stops, generator)
    return [
        [_sampled(policy, prompt, encoded, generated, stops) for generated in group]
        for (prompt, encoded), group in zip(prompts, groups, strict=True)
    ]


def _sampled(
    policy: Policy, prompt: Prompt, encoded: TruncatedPrompt, generated: GeneratedTokens, stops: StopTexts
) -> SampledCompletion:
    tokenized = TokenizedPrompt(prompt, encoded.ids, encoded.dropped)
    completion = completion_of(tokenized, generated, Sampling(), stops, policy.chat)
    return SampledCompletion(completion, generated.ids, [1] * len(generated.ids))


def _fill_templates(
    policy: Policy, prompts: Sequence[EncodedPrompt], generation: GenerationSpec, seed: int
) -> list[list[SampledCompletion]]:
    """One pass over all templates per sample. The texts of the slots are tokenized together with the tags."""
    sampled: list[list[SampledCompletion]] = [[] for _ in prompts]
    engine = policy_engine(policy, trained=True)
    for sample_index in range(generation.num_generations if prompts else 0):
        sampling = Sampling(generation.temperature, seed=seed, sample_index=sample_index)
        completions = fill_template(engine, [prompt for prompt, _ in prompts], sampling)
        for position, ((prompt, encoded), completion) in enumerate(zip(prompts, completions, strict=True)):
            sampled[position].append(_filled(policy, prompt, encoded, completion))
    return sampled


def _filled(policy: Policy, prompt: Prompt, encoded: TruncatedPrompt, completion: Completion) -> SampledCompletion:
    texts, is_generated = split_template(prompt, completion.text)
    pieces = policy.pieces(prompt, encoded.dropped, texts)
    ids = [token for piece in pieces for token in piece]
    loss_mask = [int(mark) for piece, mark in zip(pieces, is_generated, strict=True) for _ in piece]
    return SampledCompletion(completion, ids, loss_mask)


def split_template(prompt: Prompt, text: str) -> tuple[list[str], list[bool]]:
    """A filled response template in pieces, and whether the model wrote each piece.

    Args:
        prompt: With its response template.
        text: The completion with the prefill; an incomplete one ends after any piece.
    """
    remaining = text.removeprefix(prompt.prefill)
    pieces: list[str] = []
    is_generated: list[bool] = []
    for number, slot in enumerate(prompt.response_template):
        if not remaining.startswith(slot.literal):
            break
        pieces.append(slot.literal)
        is_generated.append(False)
        remaining = remaining[len(slot.literal) :]
        following = prompt.response_template[number + 1].literal if number + 1 < len(prompt.response_template) else ""
        end = remaining.find(following) if following else len(remaining)
        filling = remaining if end < 0 else remaining[:end]
        if filling:
            pieces.append(filling)
            is_generated.append(True)
        remaining = remaining[len(filling) :]
    return pieces, is_generated
