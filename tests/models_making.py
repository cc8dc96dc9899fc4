"""A GGUF file of a few kilobytes, a wheel that contains it, and a card for it."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import yaml

TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
_WIDTH, _INNER, _HEADS = 16, 32, 2
_SPECIAL = ["<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]


def write_gguf(path: Path, *, without: str = "") -> None:
    """A Llama of one layer with random weights and a byte-level tokenizer.

    Args:
        path: The file to write.
        without: A tensor that is left out.
    """
    import numpy as np
    from gguf import GGUFWriter
    from tokenizers.pre_tokenizers import ByteLevel

    tokens = [*_SPECIAL, *sorted(ByteLevel.alphabet()), "th", "he"]
    writer = GGUFWriter(path, "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(_INNER)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(_WIDTH // _HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([3] * len(_SPECIAL) + [1] * (len(tokens) - len(_SPECIAL)))
    writer.add_token_merges(["t h", "h e"])
    writer.add_eos_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_chat_template(TEMPLATE)
    random = np.random.default_rng(0)
    for name, shape in _shapes(len(tokens)).items():
        if name == without:
            continue
        writer.add_tensor(name, random.normal(size=shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _shapes(n_tokens: int) -> dict[str, tuple[int, ...]]:
    square, up, down = (_WIDTH, _WIDTH), (_INNER, _WIDTH), (_WIDTH, _INNER)
    layer = {f"attn_{part}.weight": square for part in ("q", "k", "v", "output")}
    layer |= {"ffn_gate.weight": up, "ffn_up.weight": up, "ffn_down.weight": down}
    layer |= {"attn_norm.weight": (_WIDTH,), "ffn_norm.weight": (_WIDTH,)}
    return {
        "token_embd.weight": (n_tokens, _WIDTH),
        "output_norm.weight": (_WIDTH,),
        **{f"blk.0.{name}": shape for name, shape in layer.items()},
    }


def write_wheel(folder: Path, gguf: Path) -> Path:
    """A wheel with the file that pip accepts."""
    wheel = folder / "duetbench_tiny-1.0-py3-none-any.whl"
    metadata = "duetbench_tiny-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(gguf, "duetbench_tiny/tiny.gguf")
        archive.writestr(f"{metadata}/METADATA", "Metadata-Version: 2.1\nName: duetbench-tiny\nVersion: 1.0\n")
        archive.writestr(f"{metadata}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{metadata}/RECORD", "")
    return wheel


def write_card(folder: Path, wheel: Path, gguf: Path, **changes: str) -> None:
    """Writes a card `tiny` whose only source is the wheel."""
    source = {
        "kind": "wheel",
        "package": "duetbench-tiny",
        "version": "1.0",
        "sha256": _sha256(wheel),
        "member": "duetbench_tiny/tiny.gguf",
        "member_sha256": _sha256(gguf),
        **changes,
    }
    card = {
        "summary": "tiny",
        "licence": "none",
        "source": "a test",
        "context_length": 64,
        "template_args": {"thinking": False},
        "sources": [source],
    }
    (folder / "tiny.yaml").write_text(yaml.safe_dump(card))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
