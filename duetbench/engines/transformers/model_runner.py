"""Runs batches on a loaded model and splits those that exceed the GPU's memory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from duetbench.engines.sampling import TokenSampler
from duetbench.engines.token_runner import TokenizedPrompt, TokenRunner
from duetbench.engines.tokens.chat_template import ChatTemplate
from duetbench.engines.tokens.stop_texts import StopTexts
from duetbench.engines.transformers.decoding import CachedPrompts, GeneratedTokens, generate_tokens, next_logits
from duetbench.engines.transformers.kv_cache import PrefixCache
from duetbench.engines.transformers.shared_prefixes import next_logits_by_prefix
from duetbench.engines.transformers.threads import few_threads
from duetbench.types import Completion, LabelLogprobs, Sampling

if TYPE_CHECKING:
    import torch

_log = logging.getLogger("duetbench")

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class ModelRunner(TokenRunner):
    """Runs a loaded causal language model.

    Args:
        model: In evaluation mode.
        chat: The model's template and tokenizer.
        ends: Tokens that end a completion.
        prefix_cache: Keeps keys and values from one slot of a response template to the next; None: nothing is kept.
        budget: Tokens of one batch where prompts are read with the beginnings of labels.
    """

    def __init__(
        self,
        model: Any,
        chat: ChatTemplate,
        ends: frozenset[int],
        *,
        prefix_cache: PrefixCache | None = None,
        budget: int = 8192,
    ) -> None:
        self.model = model
        self.prefix_cache = prefix_cache
        self._chat = chat
        self._ends = ends
        self._pad = chat.pad_id
        self._budget = budget

    def complete(self, prompts: Sequence[TokenizedPrompt], sampling: Sampling) -> list[Completion]:
        def run(batch: Sequence[TokenizedPrompt]) -> list[Completion]:
            stops = StopTexts(self._chat, sampling.stop, self._ends)
            generated = generate_tokens(
                self.model,
                [prompt.ids for prompt in batch],
                pad=self._pad,
                max_tokens=sampling.max_tokens,
                pick=TokenSampler(sampling, [prompt.prompt.key for prompt in batch], self.model.device).pick,
                are_ended=stops.are_ended,
                cached=self._cached_prompts(batch) if sampling.is_slot else None,
            )
            return [
                completion_of(prompt, tokens, sampling, stops, self._chat)
                for prompt, tokens in zip(batch, generated, strict=True)
            ]

        with few_threads(self.model):
            return _split_on_oom(run, prompts, lambda prompt: prompt.failed_completion(_out_of_memory(prompt)))

    def label_logprobs(
        self, prompts: Sequence[TokenizedPrompt], label_ids: Sequence[Sequence[int]]
    ) -> list[LabelLogprobs]:
        """One forward pass, of which only the last position's logits are computed.

        Where a prompt is read with several beginnings of labels, the prompt itself is computed once.
        """
        lengths = {(prompt.prompt.key, len(prompt.ids)) for prompt in prompts}
        is_repeated = len(lengths) > len({key for key, _ in lengths})

        def run(batch: Sequence[tuple[TokenizedPrompt, Sequence[int]]]) -> list[LabelLogprobs]:
            rows = [prompt.ids for prompt, _ in batch]
            if is_repeated:
                logits = next_logits_by_prefix(self.model, rows, pad=self._pad, budget=self._budget)
            else:
                logits = next_logits(self.model, rows, pad=self._pad)
            return logprobs_of_labels(logits, [prompt for prompt, _ in batch], [ids for _, ids in batch])

        with few_threads(self.model):
            pairs = list(zip(prompts, label_ids, strict=True))
            return _split_on_oom(run, pairs, lambda pair: pair[0].failed_label_logprobs(_out_of_memory(pair[0])))

    def close(self) -> None:
        import torch

        is_cuda = self.model.device.type == "cuda"
        self.model = self.prefix_cache = None
        if is_cuda:
            torch.cuda.empty_cache()

    def _cached_prompts(self, batch: Sequence[TokenizedPrompt]) -> CachedPrompts | None:
        """The prompts' cache entries, named by their messages: the prefill grows from slot to slot, they do not."""
        if self.prefix_cache is None:
            return None
        return CachedPrompts(self.prefix_cache, [prompt.prompt.messages for prompt in batch])


def completion_of(
    prompt: TokenizedPrompt, generated: GeneratedTokens, sampling: Sampling, stops: StopTexts, chat: ChatTemplate
) -> Completion:
    """The completion that generated tokens spell, without end tokens and up to the first stop text."""
    ids = [token for token in generated.ids if token not in stops.ends]
    text, is_stopped = stops.cut(chat.decode_continuation(prompt.ids, ids))
    return prompt.completion(text, len(ids), is_ended=generated.is_ended or is_stopped, sampling=sampling)


def logprobs_of_labels(
    logits: torch.Tensor, prompts: Sequence[TokenizedPrompt], label_ids: Sequence[Sequence[int]]
) -> list[LabelLogprobs]:
    """The labels' log-probabilities, from the next-token logits of each prompt.

    Args:
        logits: Shape (prompts, vocabulary).
        prompts: Same order.
        label_ids: For each prompt, the tokens to read.
    """
    import torch
    from torch.nn.utils.rnn import pad_sequence

    columns = pad_sequence([torch.tensor(ids) for ids in label_ids], batch_first=True).to(logits.device)
    rows = logits.float().log_softmax(-1).gather(-1, columns).tolist()  # (prompts, most tokens to read)
    return [prompt.label_logprobs(row[: len(ids)]) for prompt, row, ids in zip(prompts, rows, label_ids, strict=True)]


def _split_on_oom(
    run: Callable[[Sequence[_Item]], list[_Result]], batch: Sequence[_Item], failed: Callable[[_Item], _Result]
) -> list[_Result]:
    """What `run` returns for the batch, run in halves as often as the GPU's memory does not suffice."""
    import torch

    try:
        return run(batch)
    except torch.OutOfMemoryError:
        if len(batch) == 1:
            return [failed(batch[0])]
    # Outside the handler: the error would keep the failed pass's tensors alive.
    torch.cuda.empty_cache()
    middle = len(batch) // 2
    _log.warning("out of memory with %d prompts in a batch: continuing with %d", len(batch), middle)
    return _split_on_oom(run, batch[:middle], failed) + _split_on_oom(run, batch[middle:], failed)


def _out_of_memory(prompt: TokenizedPrompt) -> str:
    return f"out of memory for a single prompt of {len(prompt.ids)} tokens; shorten reviews or history"
