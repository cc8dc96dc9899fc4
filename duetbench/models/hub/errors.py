"""Errors of the hub in one line: what is wrong, what to download, how large it is."""

from __future__ import annotations

import re
from collections.abc import Mapping

from duetbench.errors import ModelError

_LOG_IN = "log in (hf auth login, or HF_TOKEN)"
_BYTES_PER_PARAMETER = 2
"""Of bfloat16, in which nearly all weights on the hub are."""
_PARAMETERS = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)([BM])(?![a-z])", re.IGNORECASE)


def explained(repo: str, revision: str, error: Exception, size: int | None) -> ModelError:
    """What the user can do about an error of the hub's client.

    Args:
        repo: `ORG/NAME`.
        revision: The revision that was asked for.
        error: What the client raised.
        size: Bytes of the model; None: unknown.
    """
    from huggingface_hub import errors

    chain = _chain(error)
    if any(isinstance(each, errors.GatedRepoError) for each in chain):
        return ModelError(f"hf:{repo} is gated: accept its licence on its page, then {_LOG_IN}")
    if any(isinstance(each, errors.RevisionNotFoundError) for each in chain):
        return ModelError(f"hf:{repo} has no revision '{revision}': name a branch, a tag or a commit of it")
    if any(isinstance(each, errors.RepositoryNotFoundError) for each in chain):
        return ModelError(f"the hub has no repository {repo}, or it is private: check the name, or {_LOG_IN}")
    return ModelError(
        f"hf:{repo} is not complete on this machine and cannot be fetched ({_reason(chain)}): with a network, run "
        f"`hf download {repo} --revision {revision} --include '*.json' '*.jinja' '*.txt' 'tokenizer.model' "
        f"'model*.safetensors'` ({_size(repo, size)}) and copy the folder that it prints here, to be used as path:DIR; "
        "or copy its cache (HF_HUB_CACHE)"
    )


def pickles_only(repo: str, sizes: Mapping[str, int]) -> ModelError:
    """The error for a repository without safetensors.

    Args:
        repo: `ORG/NAME`.
        sizes: Bytes of its files by name.
    """
    pickled = sorted(name for name in sizes if name.endswith((".bin", ".pt", ".pth")))
    packed = sorted(name for name in sizes if name.endswith(".gguf"))
    if pickled:
        total = size_text(sum(sizes[name] for name in pickled))
        return ModelError(
            f"hf:{repo} has no safetensors, only pickles ({pickled[0]}, {total}), which can run code when they are "
            f"read: choose a revision with safetensors, or `hf download {repo}`, then `duetbench models convert FOLDER "
            "OUT`"
        )
    if packed:
        return ModelError(
            f"hf:{repo} has no safetensors, only GGUF: `hf download {repo} {packed[0]}` "
            f"({size_text(sizes[packed[0]])}), then `duetbench models convert FILE OUT` and path:OUT; or serve it with "
            "llama.cpp (--engine openai)"
        )
    return ModelError(f"hf:{repo} has no weights (model.safetensors) at its top: choose another repository")


def size_text(n_bytes: float) -> str:
    """A size in words: `16.4 GB`."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if n_bytes >= factor:
            return f"{n_bytes / factor:.1f} {unit}"
    return f"{n_bytes / 1e3:.1f} kB"


def size_from_name(repo: str) -> float | None:
    """Bytes of a model if the number of parameters is in its name, as in `Qwen3-0.6B`; None if it is not."""
    numbers = _PARAMETERS.findall(repo.partition("/")[2])
    if not numbers:
        return None
    number, unit = numbers[0]
    return float(number) * (1e9 if unit in "bB" else 1e6) * _BYTES_PER_PARAMETER


def _size(repo: str, size: int | None) -> str:
    if size:
        return size_text(size)
    estimate = size_from_name(repo)
    return f"about {size_text(estimate)}, judging by its name" if estimate else "its size is on its page"


def _chain(error: BaseException) -> list[BaseException]:
    """An error and its causes."""
    chain = [error]
    while (cause := chain[-1].__cause__) is not None and cause not in chain:
        chain.append(cause)
    return chain


def _reason(chain: list[BaseException]) -> str:
    from huggingface_hub.errors import OfflineModeIsEnabled

    if any(isinstance(each, OfflineModeIsEnabled) for each in chain):
        return "HF_HUB_OFFLINE is set"
    lines = str(chain[-1]).strip().splitlines()
    return f"{type(chain[-1]).__name__}: {lines[0].strip()[:200]}" if lines else type(chain[-1]).__name__
