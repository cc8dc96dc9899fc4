"""What to do about failures of vLLM."""

from __future__ import annotations

import re

_MEMORY = "lower vllm.max_context, or give it more memory with --set vllm.gpu_memory=FRACTION"

_REMEDIES = {
    r"head.?(?:size|dim)": "vLLM has no kernel for this model here: use --engine transformers",
    r"architectures? .*not supported|no module or parameter named": "use --engine transformers",
    r"torchvision|torchaudio|torchcodec": (
        "these packages are not needed and are built for another torch: pip uninstall torchvision torchaudio torchcodec"
    ),
    r"desired (?:GPU|CPU) memory utilization": (
        "other processes or models use the memory: free it, or --set vllm.gpu_memory=FRACTION"
    ),
    r"available memory|KV cache|out of memory|memory ran out": _MEMORY,
    r"divisible by.*tensor parallel|tensor.parallel": "--set vllm.tensor_parallel=N with another number of GPUs",
}
"""By a pattern in the reason; the first that matches is taken."""


def with_remedy(reason: str) -> str:
    """A reason, and what to do about it."""
    for pattern, remedy in _REMEDIES.items():
        if re.search(pattern, reason, re.IGNORECASE):
            return f"{reason}; {remedy}"
    return f"{reason}; --engine transformers does not use vLLM"
