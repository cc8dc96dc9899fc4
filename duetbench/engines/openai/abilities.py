"""What a server can do, as measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class ServerAbilities:
    """What the probe of a server found by comparing values; see `probe`."""

    length_field: str = "max_tokens"
    """The field with the number of tokens to generate."""
    neutral: Mapping[str, Any] = field(default_factory=dict)
    """Sampling parameters that the server accepts, with the values that have no effect. They are sent with every
    request: otherwise the server would apply the model's `generation_config` or its own defaults."""
    continuation: Mapping[str, Any] | None = None
    """Fields with which the server continues a last assistant message; None: it begins a new one."""
    echoes_prefill: bool = False
    """Whether completions begin with the continued message, which the server was sent."""
    keeps_trailing_space: bool = True
    """Whether white space at the end of a continued message reaches the model."""
    max_stops: int = 0
    """Number of stop texts per request that the server accepts and applies."""
    top_logprobs: int = 0
    """Number of most likely tokens that it lists; 0: it sends no log-probabilities that can be used."""
    label_temperature: float = 0.0
    """Temperature at which the listed log-probabilities are those of the model."""
    has_exact_ids: bool = False
    """Whether it lists the tokens of any requested ids."""
    label_fault: str = ""
    """Why label probabilities cannot be read; empty if they can."""
    exact_fault: str = ""
    """Why the tokens of requested ids cannot be read; empty if they can."""
    count_fault: str = ""
    """What is wrong with the reported numbers of tokens; empty if nothing is."""
    listed: Mapping[str, float] = field(default_factory=dict)
    """Log-probabilities of the most likely first tokens of the probe's prompts, for the fingerprint."""

    def settings(self) -> dict[str, Any]:
        """What is recorded of it."""
        return {
            "sampling_sent": ", ".join(f"{name}={value}" for name, value in self.neutral.items()) or "none",
            "continues_prefill": self.continuation is not None,
            "echoes_prefill": self.echoes_prefill,
            "stop_texts": self.max_stops,
            "top_logprobs": self.top_logprobs,
            "token_counts": self.count_fault or "reported",
        }
