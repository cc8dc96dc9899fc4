"""Keys of requests: every part that can change an answer, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from duetbench.digests import canonical_json, digest_of_text
from duetbench.types import EngineInfo, Prompt, Sampling

Verb = Literal["generate", "labels"]


@dataclass(frozen=True, slots=True)
class RequestKey:
    """The identity of a request, with the parts that it is made of."""

    digest: str
    """SHA-256 over verb, engine, settings and content: the key in the store."""
    verb: Verb
    engine: str
    """Engine, versions, weights, adapter, precision, template, context length; canonical JSON."""
    settings: str
    """Sampling, or labels; canonical JSON."""
    content: str
    """Messages, with their droppable spans, and prefill; canonical JSON."""
    prompt_key: str
    """The prompt's own key, which identifies it in a run's log; not part of the digest."""


def generate_key(info: EngineInfo, prompt: Prompt, sampling: Sampling) -> RequestKey:
    """The key of a completion."""
    return _key("generate", info, prompt, _sampling_parts(sampling), prompt.prefill)


def labels_key(info: EngineInfo, prompt: Prompt, answer_prefix: str, labels: Sequence[str]) -> RequestKey:
    """The key of the labels' log-probabilities after a prompt."""
    return _key("labels", info, prompt, {"labels": list(labels)}, prompt.prefill + answer_prefix)


def engine_parts(info: EngineInfo) -> dict[str, Any]:
    """The properties of an engine that can change an answer.

    Weights are identified by digest, so a folder that moves keeps its answers; a served model, which has no digest, by
    its name.
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


def _key(verb: Verb, info: EngineInfo, prompt: Prompt, settings_parts: Mapping[str, Any], prefill: str) -> RequestKey:
    messages = [
        [message.role, message.content, [list(span) for span in message.droppable]] for message in prompt.messages
    ]
    engine = canonical_json(engine_parts(info))
    settings = canonical_json(settings_parts)
    content = canonical_json({"turns": messages, "answer": prefill})
    digest = digest_of_text("\n".join((verb, engine, settings, content)))
    return RequestKey(digest, verb, engine, settings, content, prompt.key)


def _sampling_parts(sampling: Sampling) -> dict[str, Any]:
    """The sampling options; at temperature 0 nothing is sampled, so all seeds share one answer."""
    parts: dict[str, Any] = {
        "temperature": sampling.temperature,
        "max_tokens": sampling.max_tokens,
        "stop": list(sampling.stop),
        "gap": sampling.is_slot,
    }
    if sampling.temperature > 0:
        parts |= {"top_p": sampling.top_p, "seed": sampling.seed, "sample_index": sampling.sample_index}
    return parts
