"""Writes entmax.txt: what the Python package `entmax` 1.3 (Peters, Niculae & Martins) gives in float64.

    pip install torch==2.13.0 entmax==1.3 && python tests/ops/goldens/make_entmax.py > tests/ops/goldens/entmax.txt

One line a row of scores: alpha, n, then the n scores, the n weights and the n derivatives of sum_i c_i w_i with c_i = cos(i).
"""
import torch
from entmax import entmax15, entmax_bisect, sparsemax

for alpha in (1.1, 1.3, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0):
    for n, scale in ((2, 1.0), (5, 0.1), (7, 1.0), (7, 4.0), (13, 2.0)):
        z = (torch.arange(n, dtype=torch.float64) * 1.7 + n).cos() * scale
        z = z.float().double().requires_grad_(True)  # so that float32 holds the very same scores
        if alpha == 1.5:
            w = entmax15(z)
        elif alpha == 2.0:
            w = sparsemax(z)
        else:
            w = entmax_bisect(z, alpha=alpha, n_iter=100)
        (w * torch.arange(n, dtype=torch.float64).cos()).sum().backward()
        numbers = list(z.detach()) + list(w.detach()) + list(z.grad)
        print(alpha, n, *(f"{float(x):.17g}" for x in numbers))
