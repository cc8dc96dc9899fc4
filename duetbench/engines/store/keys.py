"""What makes two requests the same one: every part that can change an answer, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from duetbench.digests import canonical_json, digest_of_text
from duetbench.types import EngineInfo, Prompt, Sampling

Verb = Literal["generate", "labels"]


@dataclass(frozen=True, slots=True)
class RequestKey:
    """A request's identity, whole and in parts."""

    digest: str
    """SHA-256 over the parts below: the key of the store."""
    verb: Verb
    engine: str
    """Engine, versions, weights, adapter, precision, template, context length; canonical JSON."""
    settings: str
    """How it is asked: sampling, or labels; canonical JSON."""
    content: str
    """What is asked: turns, with what may be dropped from them, and the answer's beginning; canonical JSON."""
    prompt_key: str
    """The prompt's own key, by which a run's log names it; no part of the digest."""


def generate_key(info: EngineInfo, prompt: Prompt, sampling: Sampling) -> RequestKey:
    """The key of a completion."""
    return _key("generate", info, prompt, _sampling_parts(sampling), prompt.prefill)


def labels_key(info: EngineInfo, prompt: Prompt, answer_prefix: str, labels: Sequence[str]) -> RequestKey:
    """The key of a label reading."""
    return _key("labels", info, prompt, {"labels": list(labels)}, prompt.prefill + answer_prefix)


def engine_parts(info: EngineInfo) -> dict[str, Any]:
    """What of an engine can change an answer.

    Weights count by digest, so a folder that moves keeps its answers; a served model, which has none, by its name.
    """
    model = info.model
    return {
        "name": info.name,
        "versions": dict(info.versions),
        "model": model.digest or f"{model.name} served as {model.path}",
        "adapter": model.adapter_digest or model.adapter,
        "dtype": info.dtype,
        "template": info.template_digest,
        "template_args": dict(model.template_args),
        "context_length": info.context_length,
    }


def _key(verb: Verb, info: EngineInfo, prompt: Prompt, settings: Mapping[str, Any], answer: str) -> RequestKey:
    turns = [[message.role, message.content, [list(span) for span in message.droppable]] for message in prompt.messages]
    engine = canonical_json(engine_parts(info))
    asked = canonical_json(settings)
    content = canonical_json({"turns": turns, "answer": answer})
    return RequestKey(
        digest_of_text("\n".join((verb, engine, asked, content))), verb, engine, asked, content, prompt.key
    )


def _sampling_parts(sampling: Sampling) -> dict[str, Any]:
    """At temperature 0 nothing is drawn, so seeds share one answer."""
    parts: dict[str, Any] = {
        "temperature": sampling.temperature,
        "max_tokens": sampling.max_tokens,
        "stop": list(sampling.stop),
        "gap": sampling.is_slot,
    }
    if sampling.temperature > 0:
        parts |= {"top_p": sampling.top_p, "seed": sampling.seed, "sample_index": sampling.sample_index}
    return parts
