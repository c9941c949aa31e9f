"""Attention by Attend's fused kernels, as operators of PyTorch with gradients and exact statistics of the weights.

    import attend
    seen = attend.fused_attention(q, k, v, causal=True, statistics=("entropy", "column_sums"))
    seen.context, seen.entropy, seen.column_sums

The operators themselves are torch.ops.attend.*; what stands here gives their arguments readable names. All of it works with
torch.autograd and torch.compile. Tensors are on the CPU: float32, bfloat16, or float64.

Shape letters: B items, H heads, Hk heads of the keys (H is a multiple of Hk), T queries, S keys, D size of queries and keys, Dv size of
values. Masks are true where a query may attend.
"""
import pathlib as _pathlib

import torch as _torch

_torch.ops.load_library(str(_pathlib.Path(__file__).with_name("libattend_ops.so")))

from attend.attention import (  # noqa: E402: the operators must be there first
    STATISTICS,
    FusedAttention,
    additive_attention,
    dropout_keys,
    fused_attention,
    fused_weights,
)
from attend.linear import PackedLinear  # noqa: E402
from attend.rows import entmax, entmax15, expected_alignment, sparsemax  # noqa: E402

__all__ = [
    "STATISTICS",
    "FusedAttention",
    "PackedLinear",
    "additive_attention",
    "dropout_keys",
    "entmax",
    "entmax15",
    "expected_alignment",
    "fused_attention",
    "fused_weights",
    "sparsemax",
]
__version__ = "0.1.0"
