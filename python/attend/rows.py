"""Weights of rows of scores."""
import torch
from torch import Tensor


def entmax(scores: Tensor, alpha: float = 1.5) -> Tensor:
    """α-entmax over the last dimension (Peters, Niculae & Martins 2019): weights that sum to 1 and may be exactly 0. α from 1 (softmax) to
    4; 1.5 and 2 have kernels of their own. A score of −inf has weight 0. scores [.., S]."""
    return torch.ops.attend.entmax(scores, alpha)


def entmax15(scores: Tensor) -> Tensor:
    """entmax(scores, 1.5). scores [.., S]."""
    return torch.ops.attend.entmax(scores, 1.5)


def sparsemax(scores: Tensor) -> Tensor:
    """entmax(scores, 2), the Euclidean projection on the simplex (Martins & Astudillo 2016). scores [.., S]."""
    return torch.ops.attend.entmax(scores, 2.0)


def expected_alignment(stop: Tensor, before: Tensor) -> Tensor:
    """The expected monotonic alignment of one step (Raffel et al. 2017): stop [.., S], the probability to stop at each key, and before
    [.., S], the alignment of the step before."""
    return torch.ops.attend.expected_alignment(stop, before)
