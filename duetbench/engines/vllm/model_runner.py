"""Runs prompts in tokens on vLLM."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from duetbench.engines.sampling import sampling_seed
from duetbench.engines.tokens.chat_template import ChatTemplate
from duetbench.engines.tokens.labels import label_ids
from duetbench.engines.transformers.model_runner import TokenizedPrompt, status_of
from duetbench.errors import EngineError, ModelError
from duetbench.models.folder import read_json
from duetbench.types import Completion, EngineInfo, LabelLogprobs, ModelRef, Sampling


class VllmModelRunner:
    """A model loaded by vLLM.

    Args:
        model: Which weights.
        chat: The model's template and tokenizer.
        config: The options of the engine.
        info: Precision and context length.
    """

    def __init__(self, model: ModelRef, chat: ChatTemplate, config: Any, info: EngineInfo) -> None:
        from vllm import LLM

        self._chat = chat
        self._lora = _lora(model)
        try:
            self._llm: Any = LLM(
                model=model.path,
                dtype=info.dtype,
                max_model_len=info.context_length,
                gpu_memory_utilization=config.gpu_memory,
                tensor_parallel_size=config.tensor_parallel,
                enable_prefix_caching=config.prefix_cache,
                enable_lora=self._lora is not None,
                **({"max_lora_rank": _rank(model)} if self._lora else {}),
            )
        except (ValueError, RuntimeError, OSError) as error:
            raise ModelError(f"vLLM cannot load {model.path}: {' '.join(str(error).split())[:300]}") from error

    def complete(self, asked: Sequence[TokenizedPrompt], sampling: Sampling) -> list[Completion]:
        """One completion per prompt."""
        answers = self._run(asked, [self._settings(sampling, prompt.key) for prompt, _ in asked])
        return [_completion(one, answer, sampling) for one, answer in zip(asked, answers, strict=True)]

    def read_labels(self, asked: Sequence[TokenizedPrompt], labels: Sequence[str]) -> list[LabelLogprobs]:
        """One reading per prompt, from one pass over it; a prompt's prefill ends with the answer prefix."""
        from vllm import SamplingParams

        columns = {text: label_ids(self._chat, text, labels) for text in {prompt.prefill for prompt, _ in asked}}
        settings = [
            SamplingParams(max_tokens=1, temperature=0.0, logprob_token_ids=columns[prompt.prefill])
            for prompt, _ in asked
        ]
        answers = self._run(asked, settings)
        return [_reading(one, answer, columns[one[0].prefill]) for one, answer in zip(asked, answers, strict=True)]

    def close(self) -> None:
        """Frees the weights."""
        self._llm = None

    def _settings(self, sampling: Sampling, key: str) -> Any:
        from vllm import SamplingParams

        return SamplingParams(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_tokens=sampling.max_tokens,
            stop=list(sampling.stop) or None,
            seed=sampling_seed(sampling, key) if sampling.temperature > 0 else None,
        )

    def _run(self, asked: Sequence[TokenizedPrompt], settings: Sequence[Any]) -> list[Any]:
        """The first output per prompt. Prompts go in by their tokens, so that those with a common beginning meet."""
        order = sorted(range(len(asked)), key=lambda place: asked[place][1].ids)
        prompts = [{"prompt_token_ids": list(asked[place][1].ids)} for place in order]
        outputs = self._llm.generate(
            prompts, [settings[place] for place in order], use_tqdm=False, lora_request=self._lora
        )
        found = dict(zip(order, outputs, strict=True))
        return [found[place].outputs[0] for place in range(len(asked))]


def _completion(asked: TokenizedPrompt, answer: Any, sampling: Sampling) -> Completion:
    prompt, fitted = asked
    return Completion(
        text=prompt.prefill + answer.text,
        status=status_of(answer.text, answer.finish_reason == "stop", sampling),
        prompt_tokens=len(fitted.ids),
        completion_tokens=len(answer.token_ids),
        dropped_history=fitted.dropped,
    )


def _reading(asked: TokenizedPrompt, answer: Any, ids: Sequence[int]) -> LabelLogprobs:
    listed = answer.logprobs[0] if answer.logprobs else {}
    if any(token not in listed for token in ids):
        raise EngineError("this vLLM does not report chosen tokens (logprob_token_ids); install a newer one")
    logprobs = tuple(float(listed[token].logprob) for token in ids)
    return LabelLogprobs(logprobs, prompt_tokens=len(asked[1].ids), dropped_history=asked[1].dropped)


def _lora(model: ModelRef) -> Any:
    if not model.adapter:
        return None
    from vllm.lora.request import LoRARequest

    return LoRARequest("adapter", 1, model.adapter)


def _rank(model: ModelRef) -> int:
    return int(read_json(Path(str(model.adapter)) / "adapter_config.json").get("r") or 16)
