"""What the generators of goldens from other programs share: tests/{layers,attention,models}/goldens/make_*.py, read by support/goldens.h.

A golden is a case: the options that make our part do what the peer does, tensors under our names, what goes in, what the peer gives, and
the gradient of every tensor. No weight is stored: both sides draw each from the same formula, so that nothing keeps the value it starts
with. Every parameter of the peer is covered by ours, or the generator stops.
"""
import json
from pathlib import Path

import torch
from torch.func import functional_call

VERSIONS = "torch 2.13.0, transformers 5.24.0"


def drawn(shape, phase, scale=1.0, centre=0.0):
    """centre + scale cos(0.37 k² + phase), k = 0, 1, ...: no two rows alike, no product of rows and columns."""
    shape = tuple(shape)
    k = torch.arange(torch.Size(shape).numel(), dtype=torch.float64)
    return (centre + scale * torch.cos(k * k * 0.37 + phase)).view(shape)


class Case:
    """One comparison. `tolerance` is that of the peer's own arithmetic: 1e-10 in float64, 1e-5 where it has float32 inside."""

    def __init__(self, name, tolerance, options="", **more):
        self.golden = {"name": name, "tolerance": tolerance, "options": options, **more, "parameters": [], "outputs": {}, "gradients": {}}
        self.ours, self.peer = {}, {}  # leaves by our name; the peer's parameters by its own, made of them
        self.buffers = {}  # of the peer, which we have as parameters

    def tensor(self, name, shape, scale=0.4, centre=0.0):
        """Our tensor of that name; all in the order of their phases."""
        phase = round(0.3 + 0.7 * len(self.ours), 1)
        self.golden["parameters"].append([name, list(shape), phase, scale, centre])
        self.ours[name] = drawn(shape, phase, scale, centre).requires_grad_(True)
        return self.ours[name]

    def linear(self, peer, ours, out, inside, bias=True, names=(".weight", ".bias"), transposed=False):
        weight = self.tensor(ours + names[0], (out, inside))
        self.peer[peer + ".weight"] = weight.t() if transposed else weight
        if bias:
            self.peer[peer + ".bias"] = self.tensor(ours + names[1], (out,), 0.2)

    def norm(self, peer, ours, size, bias=True):
        self.peer[peer + ".weight"] = self.tensor(ours + ".weight", (size,), 0.3, 1.0)
        if bias:
            self.peer[peer + ".bias"] = self.tensor(ours + ".bias", (size,), 0.2)

    def silent(self, name, shape):
        """A tensor of ours that the peer has not: zeros."""
        self.golden["parameters"].append([name, list(shape), 0.0, 0.0, 0.0])

    def run(self, module, *arguments, skip=(), **named):
        """The module in float64 with our tensors as its parameters."""
        theirs = {n for n, _ in module.named_parameters() if not any(s in n for s in skip)}
        assert theirs == set(self.peer), (self.golden["name"], sorted(theirs ^ set(self.peer)))
        for name, value in module.named_parameters():
            assert name not in self.peer or value.shape == self.peer[name].shape, (name, value.shape, self.peer[name].shape)
        module.double().eval()
        parameters = {n: p.contiguous() for n, p in {**self.peer, **self.buffers}.items()}
        return functional_call(module, parameters, arguments, named, tie_weights=True)

    def done(self, **outputs):
        """Takes what the peer gave; Σ output ⊙ drawn is what the gradients are of, each told by its product with a drawn tensor."""
        loss = 0
        for name, value in outputs.items():
            value = value.double()
            self.golden["outputs"][name] = {"shape": list(value.shape), "values": value.detach().flatten().tolist()}
            loss = loss + (value * drawn(value.shape, 0.9)).sum()
        if self.ours:
            loss.backward()
        for name, leaf in self.ours.items():
            self.golden["gradients"][name] = 0.0 if leaf.grad is None else (leaf.grad * drawn(leaf.shape, 1.7)).sum().item()
        return self.golden


def write(generator, cases):
    """Beside the generator, one case a line."""
    path = Path(generator)
    path = path.with_name(path.stem.removeprefix("make_") + ".json")
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    path.write_text('{"made by": ' + json.dumps(f"{path.parent.parent.name}/goldens/{Path(generator).name}, {VERSIONS}") + ',\n"cases": [\n' + lines + "\n]}\n")
    print(path, path.stat().st_size, "bytes,", len(cases), "cases")
