"""Softmax attention, with what its weights look like."""
from typing import NamedTuple, Optional, Sequence, Tuple

import torch
from torch import Tensor

STATISTICS = ("lse", "entropy", "maximum", "column_sums")
"""What `statistics` of fused_attention may ask for: ln of the sum of the exponentiated scores of each query; −Σ w ln w of each query, in
nats; the largest weight of each query and its key; the sum of the weights of each key over all queries. All have gradients."""


class FusedAttention(NamedTuple):
    """What fused_attention gives; None where it was not asked for. Statistics of bfloat16 are float32."""

    context: Tensor
    """[B, H, T, Dv]: the values, mixed by the weights; zeros for a query that sees nothing."""
    lse: Optional[Tensor]
    """[B, H, T]: ln Σ exp(score); −inf for a query that sees nothing. Has a gradient, as the next three have."""
    entropy: Optional[Tensor]
    """[B, H, T]: −Σ w ln w, in nats."""
    maximum: Optional[Tensor]
    """[B, H, T]: the largest weight."""
    column_sums: Optional[Tensor]
    """[B, H, S]: Σ of each key's weights over the queries."""
    argmax: Optional[Tensor]
    """[B, H, T], int64: the first key with the largest weight; −1 for a query that sees nothing. Comes with maximum."""
    top_weights: Optional[Tensor]
    """[B, H, T, K]: the K largest weights, falling; 0 where fewer are above 0."""
    top_keys: Optional[Tensor]
    """[B, H, T, K], int64: their keys; −1 where fewer are above 0."""
    pooled_mean: Optional[Tensor]
    """[B, H, ⌈T/p⌉, ⌈S/q⌉]: the mean weight of each block of p queries and q keys."""
    pooled_max: Optional[Tensor]
    """[B, H, ⌈T/p⌉, ⌈S/q⌉]: the largest weight of each block."""
    rows: Optional[Tensor]
    """[B, H, R, S]: the weights of the chosen queries in full."""


def _limits(causal: bool, window) -> Tuple[Optional[int], Optional[int]]:
    left, right = (window, window) if isinstance(window, int) else (None, None) if window is None else window
    if causal:
        if isinstance(window, tuple) and right not in (None, 0):
            raise ValueError(f"fused_attention: causal sees no key behind a query, and window={window} asks for {right}; leave one out")
        right = 0
    return left, right


def fused_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    causal: bool = False,
    window=None,
    scale: Optional[float] = None,
    query_lengths: Optional[Tensor] = None,
    key_lengths: Optional[Tensor] = None,
    keep: Optional[Tensor] = None,
    bias: Optional[Tensor] = None,
    slopes: Optional[Tensor] = None,
    by_distance: Optional[Tensor] = None,
    first_steps: Optional[Tensor] = None,
    score: str = "product",
    energy: Optional[Tensor] = None,
    dropout: float = 0.0,
    drop_keys: Optional[Tensor] = None,
    statistics: Sequence[str] = (),
    top: int = 0,
    pool: Optional[Tuple[int, int]] = None,
    rows: Optional[Tensor] = None,
) -> FusedAttention:
    """softmax(scale · q kᵀ + biases) v, and statistics of these weights from the same pass; no [T, S] is ever stored.

    query [B, H, T, D], key [B, Hk, S, D] and value [B, Hk, S, Dv] are of one number format and may have any strides.

    causal        each query sees the keys up to its own place, and the last query sees the last key (also where T ≠ S)
    window        a number, or (left, right): keys that a query sees before and behind its place; None in a pair is no limit
    scale         of the products; 1/√D when left out (1 of additive scores)
    query_lengths, key_lengths   int64 [B]: queries and keys of each item that count, from the first on
    keep          bool, broadcastable to [B, H, T, S]: true where a query may attend
    bias          float32 (float64 with float64), broadcastable to [B, H, T, S]: added to the scores; −inf hides. Has a gradient
    slopes        float32 [H]: slope · |distance| is taken off the scores (ALiBi; Press et al. 2022)
    by_distance   float32 [H, 2F + 1]: what each distance from −F to F adds (Raffel et al. 2020). Has a gradient
    first_steps   int64 [B]: the place of query 0, for slopes and by_distance
    score, energy "tanh" or "relu": Σ_d energy[h, d] · tanh(q_d + k_d) (Bahdanau et al. 2015); energy float32 [H, D] has a gradient
    dropout       of the weights: each is dropped at this rate and the others are divided by 1 − rate. Statistics are of before.
                  Which are dropped is drawn from PyTorch's generator, or said by drop_keys, int64 [B, H, T] (dropout_keys())
    statistics    names of STATISTICS
    top           K, at most 16: the largest weights of each query and their keys
    pool          (p, q): mean and maximum of the weights in blocks of p queries and q keys
    rows          int64 [R], ascending: queries whose weights are returned in full

    A query that sees nothing gives zeros and gets zero gradients. Raises ValueError for what does not fit and NotImplementedError for
    devices other than the CPU and for second derivatives. Bits do not depend on the number of threads or on other items of the batch.
    """
    for name in statistics:
        if name not in STATISTICS:
            raise ValueError(f"fused_attention: statistics knows {', '.join(STATISTICS)}, got {name!r}; top=, pool= and rows= ask for more")
    left, right = _limits(causal, window)
    if dropout > 0 and drop_keys is None:
        drop_keys = torch.randint(-(2**63), 2**63 - 1, query.shape[:3], dtype=torch.int64)  # [B, H, T]
    asked = {"entropy": "entropy" in statistics, "maximum": "maximum" in statistics, "column_sums": "column_sums" in statistics}
    pool_rows, pool_keys = (0, 0) if pool is None else pool
    out = torch.ops.attend.fused_attention(
        query, key, value, scale=scale, score=score, energy=energy, left=left, right=right, query_lengths=query_lengths,
        key_lengths=key_lengths, keep=keep, bias=bias, slopes=slopes, by_distance=by_distance, first_steps=first_steps,
        drop_rate=float(dropout), drop_keys=drop_keys, top=top, pool_rows=pool_rows, pool_keys=pool_keys, rows=rows, **asked,
    )  # fmt: skip
    has = {**asked, "lse": "lse" in statistics, "argmax": asked["maximum"], "top_weights": top > 0, "top_keys": top > 0,
           "pooled_mean": pool is not None, "pooled_max": pool is not None, "rows": rows is not None, "context": True}  # fmt: skip
    return FusedAttention(*(x if has[name] else None for name, x in zip(FusedAttention._fields, out)))


def additive_attention(query: Tensor, key: Tensor, value: Tensor, energy: Tensor, **options) -> FusedAttention:
    """fused_attention with the scores Σ_d energy[h, d] · tanh(q_d + k_d) of Bahdanau et al. 2015; no [T, S, D] is ever stored."""
    return fused_attention(query, key, value, score="tanh", energy=energy, **options)


def fused_weights(
    query: Tensor,
    key: Tensor,
    lse: Tensor,
    *,
    rows: Tuple[int, int],
    keys: Tuple[int, int],
    causal: bool = False,
    window=None,
    **options,
) -> Tensor:
    """The weights [B, H, R, K] of queries rows[0] to rows[1] and keys keys[0] to keys[1] of a call of fused_attention whose lse is known:
    a closer look at a part of a map that is too large to be stored. `options` are those of that call. Without gradients."""
    left, right = _limits(causal, window)
    return torch.ops.attend.fused_weights(query, key, lse, rows[0], rows[1], keys[0], keys[1], left=left, right=right, **options)


def dropout_keys(query: Tensor, seed: int) -> Tensor:
    """Keys [B, H, T] for fused_attention(drop_keys=...) that depend on the seed and on each query's own place alone: the same on every
    machine and in every batch that begins with the same items."""
    return torch.ops.attend.dropout_keys(query, seed)
