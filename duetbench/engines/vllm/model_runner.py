"""Runs prompts in tokens on vLLM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from duetbench.engines.sampling import sampling_seed
from duetbench.engines.token_runner import TokenizedPrompt, TokenRunner
from duetbench.errors import EngineError, ModelError
from duetbench.models.json_files import read_json
from duetbench.types import Completion, EngineInfo, LabelLogprobs, ModelRef, Sampling

NEUTRAL: Mapping[str, Any] = {
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
    """Runs a model that vLLM has loaded.

    Args:
        model: The weights and the adapter.
        config: The options of the engine.
        info: Precision and context length.
        ends: Tokens that end a completion.
    """

    def __init__(self, model: ModelRef, config: Any, info: EngineInfo, ends: frozenset[int]) -> None:
        from vllm import LLM

        self._ends = sorted(ends)
        self._lora_request = _lora_request(model)
        try:
            self._llm: Any = LLM(
                model=model.path,
                dtype=info.dtype,
                generation_config="vllm",  # none of the model's: all sampling parameters are set below
                trust_remote_code=False,
                max_model_len=info.context_length,
                gpu_memory_utilization=config.gpu_memory,
                tensor_parallel_size=config.tensor_parallel,
                enable_prefix_caching=config.prefix_cache,
                enable_lora=self._lora_request is not None,
                **({"max_lora_rank": _lora_rank(model)} if self._lora_request else {}),
            )
        except (ValueError, RuntimeError, OSError) as error:
            raise ModelError(f"vLLM cannot load {model.path}: {' '.join(str(error).split())[:300]}") from error

    def complete(self, prompts: Sequence[TokenizedPrompt], sampling: Sampling) -> list[Completion]:
        outputs = self._generate(prompts, [self._sampling_params(sampling, prompt.prompt.key) for prompt in prompts])
        return [
            prompt.completion(
                output.text, len(output.token_ids), is_ended=output.finish_reason == "stop", sampling=sampling
            )
            for prompt, output in zip(prompts, outputs, strict=True)
        ]

    def label_logprobs(
        self, prompts: Sequence[TokenizedPrompt], label_ids: Sequence[Sequence[int]]
    ) -> list[LabelLogprobs]:
        from vllm import SamplingParams

        params = [
            SamplingParams(**NEUTRAL, max_tokens=1, temperature=0.0, logprob_token_ids=list(ids)) for ids in label_ids
        ]
        outputs = self._generate(prompts, params)
        return [
            prompt.label_logprobs(_logprobs(output, ids))
            for prompt, output, ids in zip(prompts, outputs, label_ids, strict=True)
        ]

    def close(self) -> None:
        self._llm = None

    def _sampling_params(self, sampling: Sampling, key: str) -> Any:
        from vllm import SamplingParams

        return SamplingParams(
            **{**NEUTRAL, "top_p": sampling.top_p},
            temperature=sampling.temperature,
            max_tokens=sampling.max_tokens,
            stop=list(sampling.stop) or None,
            stop_token_ids=self._ends,
            seed=sampling_seed(sampling, key) if sampling.temperature > 0 else None,
        )

    def _generate(self, prompts: Sequence[TokenizedPrompt], params: Sequence[Any]) -> list[Any]:
        """The first output per prompt. Prompts are sorted by their tokens, so that common prefixes are adjacent."""
        order = sorted(range(len(prompts)), key=lambda position: prompts[position].ids)
        outputs = self._llm.generate(
            [{"prompt_token_ids": list(prompts[position].ids)} for position in order],
            [params[position] for position in order],
            use_tqdm=False,
            lora_request=self._lora_request,
        )
        output_of = dict(zip(order, outputs, strict=True))
        return [output_of[position].outputs[0] for position in range(len(prompts))]


def _logprobs(output: Any, label_ids: Sequence[int]) -> list[float]:
    listed = output.logprobs[0] if output.logprobs else {}
    if any(token not in listed for token in label_ids):
        raise EngineError("this vLLM does not support SamplingParams.logprob_token_ids; install a newer version")
    return [float(listed[token].logprob) for token in label_ids]


def _lora_request(model: ModelRef) -> Any:
    if not model.adapter:
        return None
    from vllm.lora.request import LoRARequest

    return LoRARequest("adapter", 1, model.adapter)


def _lora_rank(model: ModelRef) -> int:
    return int(read_json(Path(str(model.adapter)) / "adapter_config.json").get("r") or 16)
