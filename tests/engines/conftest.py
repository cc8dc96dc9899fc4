"""Small models with random weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from engine_making import CONTEXT

from duetbench.engines.transformers.engine import TransformersEngine
from duetbench.models import resolve
from duetbench.types import ModelRef


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Creates the folder of a Llama of two layers with weights from a seed."""

    def make(seed: int) -> Path:
        import torch
        from transformers import LlamaConfig, LlamaForCausalLM

        from duetbench.toy.tokenizer import train_tokenizer

        folder = tmp_path_factory.mktemp(f"model-{seed}")
        tokenizer = train_tokenizer(["some people like jazz and others like rock"], context_length=CONTEXT)
        tokenizer.save_pretrained(folder)
        torch.manual_seed(seed)
        config = LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=CONTEXT,
            tie_word_embeddings=True,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=None,
            initializer_range=0.3,
        )
        LlamaForCausalLM(config).save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def model_folder(make_model: Callable[[int], Path]) -> Path:
    """A model folder."""
    return make_model(0)


@pytest.fixture(scope="session")
def model(model_folder: Path) -> ModelRef:
    """The reference to it."""
    return resolve(f"path:{model_folder}")


@pytest.fixture(scope="session")
def engine(model: ModelRef) -> TransformersEngine:
    """An engine that runs it; loaded once, since its state does not change."""
    return TransformersEngine(model=model)
