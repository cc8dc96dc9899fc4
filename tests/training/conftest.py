"""A model of two layers with random weights, and its tokenizer."""

from __future__ import annotations

from pathlib import Path

import pytest

from duetbench.types import ModelRef


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a Llama with two layers, which writes random text."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from duetbench.toy.tokenizer import train_tokenizer

    folder = tmp_path_factory.mktemp("tiny")
    tokenizer = train_tokenizer(["some people like jazz"], context_length=512)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        initializer_range=0.3,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_ref(tiny_folder: Path) -> ModelRef:
    """The reference to that model."""
    from duetbench.models import resolve

    return resolve(f"path:{tiny_folder}")
