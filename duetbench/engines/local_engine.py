"""The base class of engines that run a model folder on this machine."""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from duetbench.engines.batching import cut_batches
from duetbench.engines.token_runner import TokenizedPrompt, TokenRunner
from duetbench.errors import EngineError, ModelError
from duetbench.interfaces import Engine
from duetbench.models.json_files import read_json
from duetbench.types import Completion, EngineInfo, LabelLogprobs, ModelRef, Prompt, Sampling

if TYPE_CHECKING:
    from duetbench.engines.tokens.chat_template import ChatTemplate
    from duetbench.engines.tokens.labels import LabelTree
    from duetbench.engines.tokens.truncation import TruncatedPrompt

_T = TypeVar("_T", Completion, LabelLogprobs)


class LocalEngine(Engine):
    """Renders, truncates, tokenizes and batches prompts; a subclass supplies what runs the weights.

    A subclass implements `create_runner` and overrides any of `batch_budget`, `plan_batches`, `package_versions`,
    `dtype`, `context_limit`, `runtime_settings` and `engine_info`. Weights are loaded when they are first needed.

    Example, one prompt at a time with the ONNX runtime; `_greedy` and `_next_logprobs` run the session::

        class OnnxRunner(TokenRunner):
            def __init__(self, folder: Path, chat: ChatTemplate) -> None:
                import onnxruntime

                self._session = onnxruntime.InferenceSession(folder / "model.onnx")
                self._chat = chat

            def complete(self, prompts, sampling):
                return [self._complete(prompt, sampling) for prompt in prompts]

            def _complete(self, prompt, sampling):
                stops = StopTexts(self._chat, sampling.stop, frozenset({self._chat.tokenizer.eos_token_id}))
                ids = self._greedy(prompt.ids, sampling.max_tokens, stops)
                is_ended = stops.are_ended([ids])[0]
                written = [token for token in ids if token not in stops.ends]
                text, _ = stops.cut(self._chat.decode_continuation(prompt.ids, written))
                return prompt.completion(text, len(written), is_ended=is_ended, sampling=sampling)

            def label_logprobs(self, prompts, label_ids):
                return [
                    prompt.label_logprobs([self._next_logprobs(prompt.ids)[token] for token in ids])
                    for prompt, ids in zip(prompts, label_ids, strict=True)
                ]


        class OnnxEngine(LocalEngine):
            name = "onnx"
            summary = "runs an exported model with the ONNX runtime"

            def create_runner(self) -> TokenRunner:
                return OnnxRunner(Path(self.model.path), self.chat)

            def package_versions(self) -> dict[str, str]:
                return {**super().package_versions(), "onnxruntime": version("onnxruntime")}
    """

    prompt_cache_size: ClassVar[int] = 50_000
    """Number of tokenized prompts that are kept: planning the batches and running them use the same ones."""

    applies_adapters: ClassVar[bool] = False
    """Whether the runner applies `model.adapter`; if not, a model with an adapter is rejected."""

    def __init__(self, config: Any = None, *, model: ModelRef) -> None:
        super().__init__(config, model=model)
        if model.name.startswith("served:"):
            raise ModelError(f"'{model.name}' runs on a server: use --engine openai")
        if model.adapter and not self.applies_adapters:
            raise ModelError(f"engine '{self.name}' applies no adapters: merge {model.adapter} into the weights first")
        self._truncated: dict[tuple[Any, ...], TruncatedPrompt] = {}

    @abstractmethod
    def create_runner(self) -> TokenRunner:
        """Loads the weights; called when they are first needed, and again if they are needed after `close`."""

    def batch_budget(self) -> int:
        """Tokens of one batch, padding and completions included."""
        return 8192

    def plan_batches(self, prompts: Sequence[TokenizedPrompt], max_tokens: int) -> list[list[int]]:
        """Positions of the prompts, batch by batch; each batch is one call of the runner.

        The batches of what is left after some of them must be the remaining ones, see `Engine.batches`.

        Args:
            prompts: All prompts of a call; those that cannot be served have no `ids` and reach no runner.
            max_tokens: Length of a completion at most; 0 where labels are read.
        """
        sizes = [(len(prompt.ids), prompt.prompt.key) for prompt in prompts]
        return cut_batches(sizes, max_tokens=max_tokens, budget=self.batch_budget())

    def package_versions(self) -> dict[str, str]:
        """Versions of everything that can change a completion, part of every key of the request store."""
        from duetbench.engines.tokens.tokenizer import RENDERING_REVISION

        return {"transformers": version("transformers"), "prompt rendering": RENDERING_REVISION}

    def dtype(self) -> str:
        """The precision in which the weights run; by default that of the model folder."""
        config = read_json(Path(self.model.path) / "config.json")
        return str(config.get("dtype") or config.get("torch_dtype") or "auto")

    def context_limit(self) -> int | None:
        """The user's limit on prompt and completion together, in tokens; None: the model's."""
        return None

    def runtime_settings(self) -> dict[str, Any]:
        """Values that the engine chose for open options, such as device and batch size; part of the record."""
        return {"batch_tokens": self.batch_budget()}

    def engine_info(self) -> EngineInfo:
        """What `info` returns; called once. Reads small files only."""
        from duetbench.engines.tokens.chat_template import template_digest, template_of
        from duetbench.engines.tokens.tokenizer import context_length

        return EngineInfo(
            name=self.name,
            versions=self.package_versions(),
            model=self.model,
            dtype=self.dtype(),
            template_digest=template_digest(
                template_of(Path(self.model.path)), self.model.template_args, merge_system=self.model.merge_system
            ),
            context_length=context_length(self.model, self.context_limit()),
            labels="exact",
            adapters=self.applies_adapters,
            settings=self.runtime_settings(),
        )

    def load_chat(self) -> ChatTemplate:
        """The model's tokenizer with its chat template; called once, see `chat`."""
        from duetbench.engines.tokens.chat_template import load_chat_template

        return load_chat_template(self.model)

    @cached_property
    def chat(self) -> ChatTemplate:
        """Turns messages into token ids and back."""
        return self.load_chat()

    @cached_property
    def runner(self) -> TokenRunner:
        """The loaded weights."""
        return self.create_runner()

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        tokenized = self._tokenize(prompts, sampling.max_tokens)
        return self._run_batches(
            tokenized,
            sampling.max_tokens,
            run=lambda batch: self.runner.complete(batch, sampling),
            failed=lambda prompt: prompt.failed_completion(prompt.error),
        )

    def label_logprobs(
        self, prompts: Sequence[Prompt], answer_prefix: str, labels: Sequence[str]
    ) -> list[LabelLogprobs]:
        from duetbench.engines.tokens.labels import label_tree

        prefixed = [replace(prompt, prefill=prompt.prefill + answer_prefix) for prompt in prompts]
        trees = {prefill: label_tree(self.chat, prefill, labels) for prefill in {prompt.prefill for prompt in prefixed}}
        depth = max((tree.depth for tree in trees.values()), default=1)
        return self._run_batches(
            self._tokenize(prefixed, depth - 1),
            0,
            run=lambda batch: self._read_labels(batch, [trees[prompt.prompt.prefill] for prompt in batch]),
            failed=lambda prompt: prompt.failed_label_logprobs(prompt.error),
        )

    def label_fault(self, answer_prefix: str, labels: Sequence[str]) -> str | None:
        from duetbench.engines.tokens.labels import label_tree

        try:
            label_tree(self.chat, answer_prefix, labels)
        except EngineError as error:
            return str(error)
        return None

    def batches(self, prompts: Sequence[Prompt], max_tokens: int) -> list[list[int]]:
        return self.plan_batches(self._tokenize(prompts, max_tokens), max_tokens)

    def count_tokens(self, text: str) -> int:
        """Loads neither the weights nor the libraries that run them, if the folder has a tokenizer.json."""
        return self._count(text)

    def info(self) -> EngineInfo:
        """Reads small files only: a run that is answered from the request store loads no weights."""
        return self._info

    def close(self) -> None:
        """Frees the weights; they are loaded again if they are needed again."""
        runner = self.__dict__.pop("runner", None)
        if runner is not None:
            runner.close()

    @cached_property
    def _count(self) -> Callable[[str], int]:
        from duetbench.engines.tokens.tokenizer import load_token_counter

        return load_token_counter(self.model) or self.chat.length

    @cached_property
    def _info(self) -> EngineInfo:
        return self.engine_info()

    def _read_labels(self, batch: Sequence[TokenizedPrompt], trees: Sequence[LabelTree]) -> list[LabelLogprobs]:
        """The labels' log-probabilities: the runner reads the next tokens after each beginning of a label once."""
        nodes = [(prompt, tree, node) for prompt, tree in zip(batch, trees, strict=True) for node in tree.nodes]
        rows = iter(
            self.runner.label_logprobs(
                [replace(prompt, ids=(*prompt.ids, *node)) for prompt, _, node in nodes],
                [tree.following(node) for _, tree, node in nodes],
            )
        )
        results = []
        for prompt, tree in zip(batch, trees, strict=True):
            read = list(itertools.islice(rows, len(tree.nodes)))
            failed = [row for row in read if row.status != "ok"]
            results.append(
                failed[0] if failed else prompt.label_logprobs(tree.logprobs([row.logprobs for row in read]))
            )
        return results

    def _run_batches(
        self,
        prompts: Sequence[TokenizedPrompt],
        max_tokens: int,
        *,
        run: Callable[[Sequence[TokenizedPrompt]], list[_T]],
        failed: Callable[[TokenizedPrompt], _T],
    ) -> list[_T]:
        results = {position: failed(prompt) for position, prompt in enumerate(prompts) if not prompt.ids}
        for batch in self.plan_batches(prompts, max_tokens):
            positions = [position for position in batch if prompts[position].ids]
            if positions:
                results.update(zip(positions, run([prompts[position] for position in positions]), strict=True))
        return [results[position] for position in range(len(prompts))]

    def _tokenize(self, prompts: Sequence[Prompt], max_tokens: int) -> list[TokenizedPrompt]:
        """The prompts in tokens, each shortened until a completion of `max_tokens` fits into the context after it."""
        max_prompt = self.info().context_length - max_tokens
        if len(self._truncated) + len(prompts) > self.prompt_cache_size:
            self._truncated.clear()
        truncated = [self._truncate(prompt, max_prompt) for prompt in prompts]
        return [
            TokenizedPrompt(prompt, short.ids, short.dropped, short.error)
            for prompt, short in zip(prompts, truncated, strict=True)
        ]

    def _truncate(self, prompt: Prompt, max_tokens: int) -> TruncatedPrompt:
        from duetbench.engines.tokens.truncation import truncate

        key = (prompt.messages, prompt.prefill, max_tokens)
        if key not in self._truncated:
            self._truncated[key] = truncate(prompt, self.chat, max_tokens=max_tokens)
        return self._truncated[key]
