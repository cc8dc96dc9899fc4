"""The policy: the model that is being trained, in memory, with its tokenizer and chat template."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duetbench.engines.transformers.engine import TransformersEngine
from duetbench.errors import TrainingError
from duetbench.training.options import TrainerSettings
from duetbench.types import ModelRef, Prompt

if TYPE_CHECKING:
    from peft import PeftConfig

    from duetbench.engines.tokens.chat_template import ChatTemplate
    from duetbench.engines.tokens.stop_texts import StopTexts
    from duetbench.engines.tokens.truncation import TruncatedPrompt


class Policy:
    """A model in memory whose weights change.

    Args:
        ref: The model to start from; a folder of weights without an adapter.
        settings: Precision, adapter, maximum prompt length.
        engine_config: Options of the transformers engine: device, batch sizes, context length; None: its defaults.

    Raises:
        TrainingError: there are no weights to train.
        ModelError: they cannot be loaded.
    """

    def __init__(
        self, ref: ModelRef, settings: TrainerSettings, engine_config: TransformersEngine.Config | None = None
    ) -> None:
        if ref.adapter is not None:
            raise TrainingError(f"{ref.name} already has an adapter: merge it into the weights first, then train those")
        if not (Path(ref.path) / "config.json").is_file():
            raise TrainingError(f"{ref.name} has no weights on this machine; a trainer needs a local model folder")
        self.ref = ref
        self._settings = settings
        self.engine_config = engine_config or TransformersEngine.Config()
        self._plain = TransformersEngine(self.engine_config, model=ref)

    @cached_property
    def model(self) -> Any:
        """The model, loaded on first use; wrapped in the adapter once the training has begun."""
        from duetbench.engines.transformers.loading import load_model

        model = load_model(self.ref, self.placement)
        model.requires_grad_(self._settings.adapter == "full")
        model.config.use_cache = True
        return model

    @cached_property
    def placement(self) -> Any:
        """Device and precision of the weights: fp32 if they are trained themselves."""
        from duetbench.engines.transformers.loading import DevicePlacement, choose_placement

        default = choose_placement(self.engine_config.device, "auto")
        dtype = default.dtype if self._settings.adapter == "lora" and self.uses_bf16 else "float32"
        return DevicePlacement(default.device, dtype)

    @cached_property
    def uses_bf16(self) -> bool:
        """Whether forward and backward passes run in bf16."""
        from duetbench.engines.transformers.loading import choose_placement

        default = choose_placement(self.engine_config.device, "auto")
        precision = self._settings.precision
        return precision == "bf16" or (precision == "auto" and default.dtype == "bfloat16")

    @cached_property
    def chat(self) -> ChatTemplate:
        """The model's chat template and tokenizer."""
        from duetbench.engines.tokens.chat_template import load_chat_template

        return load_chat_template(self.ref)

    @cached_property
    def ends(self) -> frozenset[int]:
        """Ids of the tokens that end a completion."""
        from duetbench.engines.tokens.tokenizer import end_ids

        return end_ids(Path(self.ref.path), self.chat.tokenizer)

    def stops(self, texts: Sequence[str]) -> StopTexts:
        """The ends of completions: these texts and the model's own end tokens."""
        from duetbench.engines.tokens.stop_texts import StopTexts

        return StopTexts(self.chat, texts, self.ends)

    def encode(self, prompt: Prompt, max_tokens: int) -> TruncatedPrompt:
        """The prompt's tokens as the engine would send them, truncated to `max_prompt_length`.

        Args:
            prompt: Any prompt.
            max_tokens: Tokens of the context that are reserved for the completion.
        """
        from duetbench.engines.tokens.truncation import truncate

        max_prompt = min(self._settings.max_prompt_length, self._plain.info().context_length - max_tokens)
        return truncate(prompt, self.chat, max_tokens=max_prompt)

    def pieces(self, prompt: Prompt, dropped: int, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of consecutive texts of a completion, tokenized in the context of what precedes them.

        Args:
            prompt: The prompt that is completed.
            dropped: Number of its droppable spans that are left out.
            texts: Consecutive pieces of the completion after the prefill.
        """
        from duetbench.engines.tokens.truncation import without_spans

        messages = without_spans(prompt.messages, dropped)
        context, written = self.chat.ids(messages, prompt.prefill), prompt.prefill
        pieces: list[list[int]] = []
        for text in texts:
            ids = self.chat.ids(messages, written + text)
            is_prefix = ids[: len(context)] == context
            piece = ids[len(context) :] if is_prefix else self._tokens_of(text)
            pieces.append(piece)
            context, written = context + piece, written + text
        return pieces

    def _tokens_of(self, text: str) -> list[int]:
        """The tokens of a text without any context."""
        return list(self.chat.tokenizer(self.chat.escape(text), add_special_tokens=False)["input_ids"])

    def adapter(self) -> PeftConfig | None:
        """The configuration of the adapter to train; None: all weights are trained."""
        if self._settings.adapter == "full":
            return None
        from peft import LoraConfig, TaskType

        return LoraConfig(
            task_type=TaskType.CAUSAL_LM,
            r=self._settings.lora_r,
            lora_alpha=self._settings.lora_alpha,
            lora_dropout=self._settings.lora_dropout,
            target_modules="all-linear",
            bias="none",
            use_rslora=False,
            base_model_name_or_path=self.ref.path,
        )

    @contextlib.contextmanager
    def running(self, *, trained: bool) -> Iterator[Any]:
        """The model in evaluation mode; afterwards it returns to the mode it was in.

        Args:
            trained: True: the current weights; False: the adapter is off.
        """
        was_training = self.model.training
        adapter_off = self.model.disable_adapter() if not trained and self._has_adapter else contextlib.nullcontext()
        self.model.eval()
        try:
            with adapter_off:
                yield self.model
        finally:
            self.model.train(was_training)

    @property
    def _has_adapter(self) -> bool:
        from peft import PeftModel

        return isinstance(self.model, PeftModel)

    def frozen_digest(self) -> str:
        """SHA-256 over the weights that must not change; empty if all weights are trained."""
        import torch

        digest = hashlib.sha256()
        frozen = [(name, weights) for name, weights in self.model.named_parameters() if not weights.requires_grad]
        for name, weights in sorted(frozen, key=lambda entry: _base_name(entry[0])):
            digest.update(_base_name(name).encode())
            digest.update(weights.detach().contiguous().view(torch.uint8).cpu().numpy().tobytes())
        return digest.hexdigest() if frozen else ""


def _base_name(name: str) -> str:
    """A parameter's name without the prefixes that an adapter adds."""
    return name.replace("base_model.model.", "").replace(".base_layer", "")
