"""Runs batches on a loaded model, smaller ones where the memory does not suffice."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from duetbench.engines.sampling import TokenSampler
from duetbench.engines.tokens.chat_template import ChatTemplate
from duetbench.engines.tokens.labels import label_ids
from duetbench.engines.tokens.stop_texts import StopTexts
from duetbench.engines.tokens.truncation import TruncatedPrompt
from duetbench.engines.transformers.decoding import GeneratedTokens, PrefixCacheKeys, generate_tokens, next_logits
from duetbench.engines.transformers.kv_cache import PrefixCache
from duetbench.engines.transformers.loading import Placement, end_ids, load_model
from duetbench.engines.transformers.threads import few_threads
from duetbench.types import Completion, LabelLogprobs, ModelRef, Prompt, Sampling, Status

_log = logging.getLogger("duetbench")

TokenizedPrompt = tuple[Prompt, TruncatedPrompt]
_T = TypeVar("_T")


class ModelRunner:
    """A loaded model.

    Args:
        model: Which weights.
        place: Where and how they run.
        chat: The model's template and tokenizer.
        remembered: Tokens of forms in work whose keys and values are kept from gap to gap.
    """

    def __init__(self, model: ModelRef, place: Placement, chat: ChatTemplate, *, remembered: int) -> None:
        self._model: Any = load_model(model, place)
        self._chat = chat
        self._ends = end_ids(self._model, chat.tokenizer)
        self._pad = chat.pad_id
        self._readings: PrefixCache | None = PrefixCache(remembered)

    def complete(self, asked: Sequence[TokenizedPrompt], sampling: Sampling) -> list[Completion]:
        """One completion per prompt, all in one batch if the memory suffices."""

        def run(batch: Sequence[TokenizedPrompt]) -> list[Completion]:
            stops = StopTexts(self._chat, sampling.stop, self._ends)
            answers = generate_tokens(
                self._model,
                [fitted.ids for _, fitted in batch],
                pad=self._pad,
                max_tokens=sampling.max_tokens,
                pick=TokenSampler(sampling, [prompt.key for prompt, _ in batch], self._model.device).pick,
                is_ended=stops.are_ended,
                memory=self._memory(batch) if sampling.is_slot else None,
            )
            return [
                _completion(one, answer, sampling, stops, self._chat)
                for one, answer in zip(batch, answers, strict=True)
            ]

        with few_threads(self._model):
            return _halving(run, asked, lambda one: Completion(one[0].prefill, "error", error=_too_big(one)))

    def read_labels(self, asked: Sequence[TokenizedPrompt], labels: Sequence[str]) -> list[LabelLogprobs]:
        """One reading per prompt; a prompt's prefill ends with the answer prefix."""
        import torch

        columns = {text: label_ids(self._chat, text, labels) for text in {prompt.prefill for prompt, _ in asked}}

        def run(batch: Sequence[TokenizedPrompt]) -> list[LabelLogprobs]:
            logits = next_logits(self._model, [fitted.ids for _, fitted in batch], pad=self._pad)
            logprobs = logits.float().log_softmax(-1)  # (prompts, vocabulary)
            wanted = torch.tensor([columns[prompt.prefill] for prompt, _ in batch], device=logits.device)
            rows = logprobs.gather(-1, wanted).tolist()  # (prompts, labels)
            return [
                LabelLogprobs(tuple(row), prompt_tokens=len(fitted.ids), dropped_history=fitted.dropped)
                for row, (_, fitted) in zip(rows, batch, strict=True)
            ]

        with few_threads(self._model):
            return _halving(run, asked, lambda one: LabelLogprobs((), "error", error=_too_big(one)))

    def _memory(self, batch: Sequence[TokenizedPrompt]) -> PrefixCacheKeys | None:
        """Where forms are remembered: the prefill grows from gap to gap, the messages stay."""
        return PrefixCacheKeys(self._readings, [prompt.messages for prompt, _ in batch]) if self._readings else None

    def close(self) -> None:
        """Frees the weights."""
        import torch

        is_cuda = self._model.device.type == "cuda"
        self._model = self._readings = None
        if is_cuda:
            torch.cuda.empty_cache()


def _completion(
    asked: TokenizedPrompt, answer: GeneratedTokens, sampling: Sampling, stops: StopTexts, chat: ChatTemplate
) -> Completion:
    prompt, fitted = asked
    ids = [token for token in answer.ids if token not in stops.ends]
    text, is_stopped = stops.cut(chat.written(fitted.ids, ids))
    status = status_of(text, answer.is_ended or is_stopped, sampling)
    return Completion(
        text=prompt.prefill + text,
        status=status,
        prompt_tokens=len(fitted.ids),
        completion_tokens=len(ids),
        dropped_history=fitted.dropped,
    )


def status_of(text: str, is_ended: bool, sampling: Sampling) -> Status:
    """How an answer ended: at its end or its length, with or without anything written."""
    if sampling.is_slot:
        return "ok"
    if not is_ended:
        return "truncated"
    return "ok" if text.strip() else "empty"


def _halving(
    run: Callable[[Sequence[TokenizedPrompt]], list[_T]],
    asked: Sequence[TokenizedPrompt],
    failed: Callable[[TokenizedPrompt], _T],
) -> list[_T]:
    """What `run` returns; a batch that does not fit the GPU's memory is run in halves."""
    import torch

    try:
        return run(asked)
    except torch.OutOfMemoryError:
        if len(asked) == 1:
            return [failed(asked[0])]
    # Outside the handler: the error would keep the failed pass's tensors alive.
    torch.cuda.empty_cache()
    middle = len(asked) // 2
    _log.warning("out of memory with %d prompts in a batch: going on with %d", len(asked), middle)
    return _halving(run, asked[:middle], failed) + _halving(run, asked[middle:], failed)


def _too_big(asked: TokenizedPrompt) -> str:
    return f"out of memory for a single prompt of {len(asked[1].ids)} tokens; shorten reviews or history"
