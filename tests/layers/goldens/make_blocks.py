"""Writes blocks.json: norms, feed-forward blocks and sinusoids as PyTorch and Hugging Face have them.

    pip install torch==2.13.0 transformers==5.24.0 && python tests/layers/goldens/make_blocks.py
"""
import sys
from pathlib import Path

import torch
from torch import nn
from transformers import LlamaConfig, T5Config
from transformers.models.llama.modeling_llama import LlamaMLP, LlamaRMSNorm
from transformers.models.m2m_100.modeling_m2m_100 import M2M100SinusoidalPositionalEmbedding
from transformers.models.marian.modeling_marian import MarianSinusoidalPositionalEmbedding
from transformers.models.t5.modeling_t5 import T5DenseActDense, T5DenseGatedActDense, T5LayerNorm

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))
from peers import Case, drawn, write  # noqa: E402

N, F = 6, 10
X = drawn((2, 4, N), 0.2, 1.5)


def norms():
    for name, module, options, bias, tolerance in (
            ("layer", nn.LayerNorm(N, eps=1e-12), "norm_epsilon: 1e-12", True, 1e-10),
            ("layer_with_a_large_epsilon", nn.LayerNorm(N, eps=0.1), "norm_epsilon: 0.1", True, 1e-10),
            ("layer_without_bias", nn.LayerNorm(N, bias=False), "norm_bias: false", False, 1e-10),
            ("rms", nn.RMSNorm(N, eps=1e-6), "norm_kind: rms\nnorm_epsilon: 1e-6", False, 1e-10),
            ("rms_with_a_large_epsilon", nn.RMSNorm(N, eps=0.1), "norm_kind: rms\nnorm_epsilon: 0.1", False, 1e-10),
            ("rms_of_t5", T5LayerNorm(N, eps=0.01), "norm_kind: rms\nnorm_epsilon: 0.01", False, 1e-5),
            ("rms_of_llama", LlamaRMSNorm(N, eps=0.1), "norm_kind: rms\nnorm_epsilon: 0.1", False, 1e-5)):
        case = Case(name, tolerance, options, part="norm")
        case.norm("norm", "norm", N, bias)
        yield case.done(y=case.run(Named(norm=module), X))


class Named(nn.Module):
    """One module under a name, called as it."""

    def __init__(self, **one):
        super().__init__()
        (self.name, module), = one.items()
        self.add_module(self.name, module)

    def forward(self, *arguments):
        return getattr(self, self.name)(*arguments)


class Block(nn.Module):
    """W_2 (act(W_1 x) ⊙ W_3 x), or without W_3, of PyTorch's parts."""

    def __init__(self, act, gated, bias):
        super().__init__()
        self.act, self.one, self.two = act, nn.Linear(N, F, bias), nn.Linear(F, N, bias)
        self.three = nn.Linear(N, F, bias) if gated else None

    def forward(self, x):
        inner = self.act(self.one(x))
        return self.two(inner * self.three(x) if self.three is not None else inner)


def feed_forwards():
    activations = {"relu": nn.ReLU(), "gelu": nn.GELU(), "gelu_tanh": nn.GELU("tanh"), "silu": nn.SiLU()}
    for name, act in activations.items():
        for gated in (False, True):
            for bias in (True, False):
                options = f"activation: {name}\ngated: {str(gated).lower()}\nfeed_forward_bias: {str(bias).lower()}"
                case = Case(f"{name}{'_gated' if gated else ''}{'' if bias else '_without_bias'}", 1e-10, options, part="feed_forward")
                for peer, ours, out, inside in (("one", "in", F, N), ("two", "out", N, F), ("three", "times", F, N)):
                    if gated or peer != "three":
                        case.linear(peer, ours, out, inside, bias)
                yield case.done(y=case.run(Block(act, gated, bias), X))
    t5 = T5Config(d_model=N, d_ff=F, feed_forward_proj="gated-gelu", dropout_rate=0.0)
    case = Case("of_t5_gated", 1e-10, "activation: gelu_tanh\ngated: true\nfeed_forward_bias: false", part="feed_forward")
    for peer, ours, out, inside in (("wi_0", "in", F, N), ("wo", "out", N, F), ("wi_1", "times", F, N)):
        case.linear(peer, ours, out, inside, False)
    yield case.done(y=case.run(T5DenseGatedActDense(t5), X))
    case = Case("of_t5", 1e-10, "feed_forward_bias: false", part="feed_forward")
    for peer, ours, out, inside in (("wi", "in", F, N), ("wo", "out", N, F)):
        case.linear(peer, ours, out, inside, False)
    yield case.done(y=case.run(T5DenseActDense(T5Config(d_model=N, d_ff=F, feed_forward_proj="relu", dropout_rate=0.0)), X))
    case = Case("of_llama", 1e-10, "activation: silu\ngated: true\nfeed_forward_bias: false", part="feed_forward")
    for peer, ours, out, inside in (("gate_proj", "in", F, N), ("down_proj", "out", N, F), ("up_proj", "times", F, N)):
        case.linear(peer, ours, out, inside, False)
    yield case.done(y=case.run(LlamaMLP(LlamaConfig(hidden_size=N, intermediate_size=F, num_attention_heads=2)), X))


def sinusoids():
    marian = MarianSinusoidalPositionalEmbedding(9, 8).create_weight()
    yield Case("of_marian", 1e-6, "sinusoids: halves", part="sinusoids", first=0).done(y=marian)
    # The table of tensor2tensor, as fairseq's models read it: the first token stands at 2.
    m2m = M2M100SinusoidalPositionalEmbedding.get_embedding(11, 8)
    yield Case("of_tensor2tensor", 1e-6, "sinusoids: halves\nsinusoid_end: true", part="sinusoids", first=0).done(y=m2m)
    read = M2M100SinusoidalPositionalEmbedding(9, 8, padding_idx=1)(torch.full((1, 7), 5))[0]
    yield Case("of_m2m", 1e-6, "sinusoids: halves\nsinusoid_end: true\nfirst_position: 2", part="sinusoids", first=2).done(y=read)


write(__file__, [*norms(), *feed_forwards(), *sinusoids()])
