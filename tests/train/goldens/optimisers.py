"""Writes optimisers.json: what torch.optim 2.13 makes of a few weights, and torch's plateau and clipping.

    pip install torch==2.13.0 && python tests/train/goldens/optimisers.py > tests/train/goldens/optimisers.json

Gradients are cos(0.9 i + 0.7 t) of weight i at update t, rates 0.1 / t; everything in float64.
"""
import json

import torch

SIZE, UPDATES = 5, 6


def run(make):
    weights = torch.nn.Parameter(torch.arange(SIZE, dtype=torch.float64).sin())
    optimiser = make([weights])
    for t in range(1, UPDATES + 1):
        weights.grad = (0.9 * torch.arange(SIZE, dtype=torch.float64) + 0.7 * t).cos()
        for group in optimiser.param_groups:
            group["lr"] = 0.1 / t
        optimiser.step()
    return weights.tolist()


cases = []
for decay in (0.0, 0.02):
    for momentum in (0.0, 0.9):
        make = lambda p: torch.optim.SGD(p, lr=1, momentum=momentum, weight_decay=decay)
        cases.append({"optimiser": "sgd", "momentum": momentum, "weight_decay": decay, "weights": run(make)})
    for name, kind in (("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)):
        make = lambda p: kind(p, lr=1, betas=(0.8, 0.95), eps=1e-6, weight_decay=decay)
        cases.append({"optimiser": name, "momentum": 0.0, "weight_decay": decay, "weights": run(make)})

losses = [3.0, 2.5, 2.6, 2.5, 2.7, 2.4, 2.4, 2.4, 2.4, 2.4, 2.3, 2.9, 2.9, 2.9]
plateaus = []
for patience in (0, 1, 2):
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, factor=0.5, patience=patience, threshold=0)
    factors = []
    for loss in losses:
        plateau.step(loss)
        factors.append(optimiser.param_groups[0]["lr"])
    plateaus.append({"patience": patience, "factors": factors})

clips = []
for largest in (0.5, 2.0, 100.0):
    parameters = [torch.nn.Parameter(torch.zeros(n, dtype=torch.float64)) for n in (3, 4)]
    for k, p in enumerate(parameters):
        p.grad = (torch.arange(p.numel(), dtype=torch.float64) + k).cos()
    norm = torch.nn.utils.clip_grad_norm_(parameters, largest)
    clips.append({"largest": largest, "norm": norm.item(), "gradients": torch.cat([p.grad for p in parameters]).tolist()})

print(json.dumps({"optimisers": cases, "losses": losses, "plateaus": plateaus, "clips": clips}, indent=1))
