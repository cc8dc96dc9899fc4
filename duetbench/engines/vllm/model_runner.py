"""Runs prompts in tokens on vLLM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from duetbench.engines.sampling import sampling_seed
from duetbench.engines.token_runner import TokenizedPrompt, TokenRunner
from duetbench.engines.tokens.chat_template import ChatTemplate
from duetbench.engines.tokens.stop_texts import StopTexts
from duetbench.engines.vllm.loaded_model import LoadSettings, acquire, release
from duetbench.errors import EngineError, ModelError
from duetbench.models.json_files import read_json
from duetbench.types import Completion, LabelLogprobs, Sampling

_PROBE = tuple(range(3, 11))
"""Tokens of a prompt that shows whether an adapter changes anything; any will do."""

_NEUTRAL: Mapping[str, Any] = {
    "n": 1,
    "top_p": 1.0,
    "top_k": 0,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "min_tokens": 0,
    "ignore_eos": False,
    "logit_bias": None,
    "bad_words": None,
}
"""Sampling parameters of vLLM without any effect on the model's distribution, set so that no default applies."""


class VllmModelRunner(TokenRunner):
    """Runs a model that vLLM has loaded, which other engines may use as well.

    Args:
        settings: What is loaded, and how.
        chat: Decodes tokens, as for the engine `transformers`.
        ends: Tokens that end a completion.
        adapter: Folder of a peft adapter; None: the weights alone.
    """

    def __init__(
        self, settings: LoadSettings, chat: ChatTemplate, ends: frozenset[int], *, adapter: str | None
    ) -> None:
        self._settings = settings
        self._chat = chat
        self._ends = ends
        self._adapter = adapter
        self._model = acquire(settings)
        if adapter:
            try:
                self._model.add_adapter(adapter, _largest_rank(Path(adapter)))
                self._check_adapter(adapter)
            except Exception:
                self.close()
                raise

    def complete(self, prompts: Sequence[TokenizedPrompt], sampling: Sampling) -> list[Completion]:
        outputs = self._generate(prompts, [self._sampling_params(sampling, prompt.prompt.key) for prompt in prompts])
        stops = StopTexts(self._chat, sampling.stop, self._ends)
        return [
            self._completion(prompt, output, sampling, stops) for prompt, output in zip(prompts, outputs, strict=True)
        ]

    def label_logprobs(
        self, prompts: Sequence[TokenizedPrompt], label_ids: Sequence[Sequence[int]]
    ) -> list[LabelLogprobs]:
        """The labels' values only, of the softmax over the whole vocabulary: vLLM computes no ranking of all tokens."""
        outputs = self._generate(prompts, [_label_params(ids) for ids in label_ids])
        return [
            prompt.label_logprobs(_logprobs(output, ids))
            for prompt, output, ids in zip(prompts, outputs, label_ids, strict=True)
        ]

    def close(self) -> None:
        release(self._settings)

    def _generate(self, prompts: Sequence[TokenizedPrompt], params: Sequence[Any]) -> list[Any]:
        """The output per prompt. Prompts are sorted by their tokens, so that common prefixes are adjacent."""
        order = sorted(range(len(prompts)), key=lambda position: prompts[position].ids)
        outputs = self._model.generate(
            [prompts[position].ids for position in order], [params[position] for position in order], self._adapter
        )
        output_of = dict(zip(order, outputs, strict=True))
        return [output_of[position] for position in range(len(prompts))]

    def _sampling_params(self, sampling: Sampling, key: str) -> Any:
        from vllm import SamplingParams

        return SamplingParams(
            **{**_NEUTRAL, "top_p": sampling.top_p},
            temperature=sampling.temperature,
            max_tokens=sampling.max_tokens,
            stop=list(sampling.stop) or None,
            stop_token_ids=sorted(self._ends),
            seed=sampling_seed(sampling, key) if sampling.temperature > 0 else None,
        )

    def _completion(self, prompt: TokenizedPrompt, output: Any, sampling: Sampling, stops: StopTexts) -> Completion:
        """The completion, decoded as by the engine `transformers`; an end token is not part of it."""
        ids = [token for token in output.token_ids if token not in stops.ends]
        text, is_stopped = stops.cut(self._chat.decode_continuation(prompt.ids, ids))
        is_ended = is_stopped or output.finish_reason == "stop"
        return prompt.completion(text, len(ids), is_ended=is_ended, sampling=sampling)

    def _check_adapter(self, adapter: str) -> None:
        """Passes if the adapter changes the probabilities after a fixed prompt.

        Raises:
            ModelError: it does not.
        """
        base, adapted = (
            _logprobs(self._model.generate([_PROBE], [_label_params(_PROBE)], each)[0], _PROBE)
            for each in (None, adapter)
        )
        if base == adapted:
            raise ModelError(
                f"adapter {adapter} changes nothing: its weights are zero, or they belong to another model; "
                "select the base model with --model if no adapter is intended"
            )


def _label_params(ids: Sequence[int]) -> Any:
    """Log-probabilities of some tokens as the next one."""
    from vllm import SamplingParams

    return SamplingParams(**_NEUTRAL, max_tokens=1, temperature=0.0, logprob_token_ids=list(ids), detokenize=False)


def _logprobs(output: Any, label_ids: Sequence[int]) -> list[float]:
    listed = output.logprobs[0] if output.logprobs else {}
    if any(token not in listed for token in label_ids):
        raise EngineError("vLLM has not returned the log-probabilities of all labels; use --engine transformers")
    return [float(listed[token].logprob) for token in label_ids]


def _largest_rank(adapter: Path) -> int:
    """The largest rank of an adapter's layers."""
    config = read_json(adapter / "adapter_config.json")
    return max(int(config.get("r") or 8), *map(int, (config.get("rank_pattern") or {}).values()), 1)
