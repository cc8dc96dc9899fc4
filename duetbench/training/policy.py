"""The weights that are being trained, and the engines that run on them: as they are now, and as they were before."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duetbench.engines.transformers.engine import TransformersEngine
from duetbench.errors import TrainingError
from duetbench.interfaces import Engine
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
        ref: What it starts from; a folder of weights without an adapter.
        tuning: Precision, adapter, longest prompt.
        config: Options of the transformers engine: device, batches, longest context; None: its defaults.

    Raises:
        TrainingError: there are no weights to train.
        ModelError: they cannot be loaded.
    """

    def __init__(self, ref: ModelRef, tuning: TrainerSettings, config: TransformersEngine.Config | None = None) -> None:
        if ref.adapter is not None:
            raise TrainingError(f"{ref.name} has an adapter already: merge it into the weights first, then train those")
        if not (Path(ref.path) / "config.json").is_file():
            raise TrainingError(f"{ref.name} has no weights on this machine; a trainer needs a local model folder")
        self.ref = ref
        self._tuning = tuning
        self._config = config or TransformersEngine.Config()
        self._plain = TransformersEngine(self._config, model=ref)

    @cached_property
    def model(self) -> Any:
        """Loaded when it is first needed; with the adapter around it once the training has begun."""
        from duetbench.engines.transformers.loading import load_model

        model = load_model(self.ref, self.place)
        model.requires_grad_(self._tuning.adapter == "full")
        model.config.use_cache = True
        return model

    @cached_property
    def place(self) -> Any:
        """Where the weights lie and in which precision: fp32 if they are trained themselves."""
        from duetbench.engines.transformers.loading import Placement, choose_placement

        place = choose_placement(self._config.device, "auto")
        keep = place.dtype if self._tuning.adapter == "lora" and self.uses_bf16 else "float32"
        return Placement(place.device, keep)

    @cached_property
    def uses_bf16(self) -> bool:
        """Whether forward and backward passes run in bf16."""
        from duetbench.engines.transformers.loading import choose_placement

        place = choose_placement(self._config.device, "auto")
        wanted = self._tuning.precision
        return wanted == "bf16" or (wanted == "auto" and place.dtype == "bfloat16")

    @cached_property
    def chat(self) -> ChatTemplate:
        """The model's template and tokenizer."""
        from duetbench.engines.tokens.chat_template import ChatTemplate, template_of
        from duetbench.engines.tokens.tokenizer import load_tokenizer

        return ChatTemplate(load_tokenizer(self.ref), template_of(Path(self.ref.path)), self.ref.template_args)

    @cached_property
    def ends(self) -> frozenset[int]:
        """Tokens that end an answer."""
        from duetbench.engines.transformers.loading import end_ids

        return end_ids(self.model, self.chat.tokenizer)

    def stops(self, texts: Sequence[str]) -> StopTexts:
        """Where answers end: at one of these texts or at the model's own end."""
        from duetbench.engines.tokens.stop_texts import StopTexts

        return StopTexts(self.chat, texts, self.ends)

    def encode(self, prompt: Prompt, max_tokens: int) -> TruncatedPrompt:
        """The prompt in tokens as the engine would send it, shortened to what training allows."""
        from duetbench.engines.tokens.truncation import truncate

        max_prompt = min(self._tuning.max_prompt, self._plain.info().context_length - max_tokens)
        return truncate(prompt, self.chat, max_tokens=max_prompt)

    def pieces(self, prompt: Prompt, dropped: int, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of texts that follow each other in an answer, as they are cut when they stand there together.

        Args:
            prompt: What is answered.
            dropped: How many of its droppable spans are left out.
            texts: Consecutive pieces of the answer after the prefill.
        """
        from duetbench.engines.tokens.truncation import without_spans

        messages = without_spans(prompt.messages, dropped)
        before, written, found = self.chat.ids(messages, prompt.prefill), prompt.prefill, []
        for text in texts:
            whole = self.chat.ids(messages, written + text)
            is_prefix = whole[: len(before)] == before
            piece = whole[len(before) :] if is_prefix else self._alone(text)
            found.append(piece)
            before, written = before + piece, written + text
        return found

    def _alone(self, text: str) -> list[int]:
        return list(self.chat.tokenizer(self.chat.escape(text), add_special_tokens=False)["input_ids"])

    def adapter(self) -> PeftConfig | None:
        """The adapter to train; None: all weights are trained."""
        if self._tuning.adapter == "full":
            return None
        from peft import LoraConfig, TaskType

        return LoraConfig(
            task_type=TaskType.CAUSAL_LM,
            r=self._tuning.lora_r,
            lora_alpha=self._tuning.lora_alpha,
            lora_dropout=self._tuning.lora_dropout,
            target_modules="all-linear",
            bias="none",
            use_rslora=False,
            base_model_name_or_path=self.ref.path,
        )

    def engine(self, *, trained: bool) -> Engine:
        """An engine on these very weights.

        Args:
            trained: True: as they are now; False: as they were, with the adapter off. The latter needs an adapter.
        """
        from duetbench.training.policy_engine import PolicyEngine

        return PolicyEngine(self, self._config, trained=trained)

    @contextlib.contextmanager
    def running(self, *, trained: bool) -> Iterator[Any]:
        """The model ready to answer; afterwards it trains on as before."""
        was_training = self.model.training
        off = self.model.disable_adapter() if not trained and self._is_adapted else contextlib.nullcontext()
        self.model.eval()
        try:
            with off:
                yield self.model
        finally:
            self.model.train(was_training)

    @property
    def _is_adapted(self) -> bool:
        from peft import PeftModel

        return isinstance(self.model, PeftModel)

    def frozen_digest(self) -> str:
        """SHA-256 over the weights that may not change; empty if all are trained."""
        import torch

        digest = hashlib.sha256()
        frozen = [(name, weights) for name, weights in self.model.named_parameters() if not weights.requires_grad]
        for name, weights in sorted(frozen, key=lambda entry: _plain_name(entry[0])):
            digest.update(_plain_name(name).encode())
            digest.update(weights.detach().contiguous().view(torch.uint8).cpu().numpy().tobytes())
        return digest.hexdigest() if frozen else ""


def _plain_name(name: str) -> str:
    """A parameter's name without what an adapter puts around it."""
    return name.replace("base_model.model.", "").replace(".base_layer", "")
