"""What attention is asked in the tests: sources, and options of each kind."""
import math

import torch
from support import waves

import attend

B, H, T, S, D, DV = 2, 4, 5, 7, 3, 6
ALL = dict(statistics=attend.STATISTICS, top=3, pool=(2, 3), rows=torch.tensor([0, 3]))
WITH_GRADIENTS = ("context", "lse", "entropy", "maximum", "column_sums")


def sources(dtype=torch.float64, grad=False, key_heads=H, queries=T):
    return (waves(B, H, queries, D, dtype=dtype, grad=grad), waves(B, key_heads, S, D, phase=1, dtype=dtype, grad=grad),
            waves(B, key_heads, S, DV, phase=2, dtype=dtype, grad=grad))


def hidden_bias(dtype):
    bias = waves(1, H, T, S, phase=3, dtype=dtype)
    bias[:, :, 2] = -math.inf  # a row that sees nothing
    return bias


def cases(dtype=torch.float64, grad=False):
    """Options of each kind, by name: every option that decides weights stands in one of them at least."""
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    return {
        "plain": dict(),
        "causal": dict(causal=True, scale=0.7),
        "window": dict(window=(2, 1)),
        "causal window, lengths": dict(causal=True, window=3, query_lengths=torch.tensor([5, 2]), key_lengths=torch.tensor([7, 4])),
        "nothing to read": dict(key_lengths=torch.tensor([0, 5])),
        "keep": dict(keep=waves(B, 1, T, S, phase=4) > -0.4),
        "bias": dict(bias=waves(H, 1, S, phase=3, dtype=wide, grad=grad)),
        "slopes": dict(slopes=torch.tensor([0.5, 0.25, 0.125, 0.0625]), first_steps=torch.tensor([3, 0])),
        "by distance": dict(by_distance=waves(H, 5, phase=5, dtype=wide, grad=grad)),
        "tanh": dict(score="tanh", energy=waves(H, D, phase=6, dtype=wide, grad=grad), key_lengths=torch.tensor([7, 4])),
        "relu": dict(score="relu", energy=waves(H, D, phase=6, dtype=wide, grad=grad), scale=1.3),
    }


def in_double(options):
    return {n: x.detach().double() if isinstance(x, torch.Tensor) and x.is_floating_point() and n != "slopes" else x
            for n, x in options.items()}

