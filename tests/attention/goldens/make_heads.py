"""Writes heads.json: attention in heads as PyTorch and Hugging Face have it, with their biases, sizes of heads, scales and positions.

    pip install torch==2.13.0 transformers==5.24.0 && python tests/attention/goldens/make_heads.py
"""
import sys
from pathlib import Path

import torch
from torch import nn
from transformers import GPTJConfig, GPTNeoXConfig, LlamaConfig, Qwen2Config, T5Config, WhisperConfig
from transformers.models.gpt_neox.modeling_gpt_neox import GPTNeoXAttention, GPTNeoXRotaryEmbedding
from transformers.models.gptj.modeling_gptj import GPTJAttention, GPTJRotaryEmbedding
from transformers.models.llama.modeling_llama import LlamaAttention, LlamaRotaryEmbedding
from transformers.models.qwen2.modeling_qwen2 import Qwen2Attention, Qwen2RotaryEmbedding
from transformers.models.t5.modeling_t5 import T5Attention
from transformers.models.whisper.modeling_whisper import WhisperAttention

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))
from peers import Case, drawn, write  # noqa: E402

N, T = 8, 9
X, Y = drawn((2, T, N), 0.2), drawn((2, 5, N), 0.8)  # what is read by itself, and by X
OURS = ("_weight", "_bias")


class Turned(nn.Module):
    """An attention to itself with the rotary positions of its model."""

    def __init__(self, attention, rotary):
        super().__init__()
        self.attention, self.rotary = attention, rotary

    def forward(self, x):
        places = torch.arange(x.shape[1]).unsqueeze(0)
        return self.attention(hidden_states=x, position_embeddings=self.rotary(x, places), attention_mask=None)[0]


def new_case(name, tolerance, options="", mechanism="multi_head", position="none", causal=True, heads=2, bias=True, across=False):
    return Case(name, tolerance, options, mechanism=mechanism, position=position, causal=causal, heads=heads, bias=bias, across=across)


def projections(case, peers, sizes, biases):
    """q, k, v, o under the peer's names; `sizes` are what q, k and v leave."""
    for peer, ours, size, bias in zip(peers[:3], ("query", "key", "value"), sizes, biases):
        case.linear(peer, ours, size, N, bias, OURS)
    case.linear(peers[3], "output", N, sizes[0], biases[3], OURS)


def of_torch():
    for bias in (True, False):
        case = new_case(f"of_torch{'' if bias else '_without_bias'}", 1e-10, bias=bias, causal=False, across=True)
        weights = [case.tensor(f"{n}_weight", (N, N)) for n in ("query", "key", "value")]
        case.peer["in_proj_weight"] = torch.cat(weights)
        case.peer["out_proj.weight"] = case.tensor("output_weight", (N, N))
        if bias:
            case.peer["in_proj_bias"] = torch.cat([case.tensor(f"{n}_bias", (N,), 0.2) for n in ("query", "key", "value")])
            case.peer["out_proj.bias"] = case.tensor("output_bias", (N,), 0.2)
        context, weights = case.run(nn.MultiheadAttention(N, 2, bias=bias, batch_first=True), X, Y, Y, average_attn_weights=False)
        yield case.done(context=context, weights=weights)


def of_whisper():
    case = new_case("of_whisper", 1e-10, "key_bias: false", causal=False, across=True)
    projections(case, ("q_proj", "k_proj", "v_proj", "out_proj"), (N, N, N), (True, False, True, True))
    module = WhisperAttention(N, 2, config=WhisperConfig(attn_implementation="sdpa"))
    yield case.done(context=case.run(module, X, key_value_states=Y)[0])


def of_llama():
    """Grouped queries, heads of their own size, and every scaling; rotary positions of Hugging Face are float32."""
    scalings = {
        "": ({"rope_type": "default"}, ""),
        "_linear": ({"rope_type": "linear", "factor": 4.0}, "rotary_scaling: linear\nrotary_factor: 4"),
        "_dynamic": ({"rope_type": "dynamic", "factor": 3.0}, "rotary_scaling: dynamic\nrotary_factor: 3\nrotary_original_length: 5"),
        "_dynamic_within": ({"rope_type": "dynamic", "factor": 3.0}, "rotary_scaling: dynamic\nrotary_factor: 3\nrotary_original_length: 9"),
        # Wavelengths 6.3, 20, 63 and 199: one left alone, two between, one slowed by the whole factor.
        "_llama3": ({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 0.5, "high_freq_factor": 5.0, "original_max_position_embeddings": 64},
                    "rotary_scaling: llama3\nrotary_factor: 8\nrotary_low_frequency_factor: 0.5\nrotary_high_frequency_factor: 5\n"
                    "rotary_original_length: 64")}
    for name, (scaling, options) in scalings.items():
        longest = {"_dynamic": 5, "_dynamic_within": 9}.get(name, 256)
        config = LlamaConfig(hidden_size=N, num_attention_heads=4, num_key_value_heads=1, head_dim=8, attention_bias=name == "",
                             max_position_embeddings=longest, rope_parameters={"rope_theta": 100.0, **scaling}, attn_implementation="sdpa")
        case = new_case("of_llama" + name, 1e-5, "key_heads: 1\nhead_size: 8\nrotary_base: 100\nrotary_pairs: halves\n" + options, "grouped_query",
                        "rotary", heads=4, bias=name == "")
        projections(case, [f"attention.{p}_proj" for p in "qkvo"], (32, 8, 8), [name == ""] * 4)
        yield case.done(context=case.run(Turned(LlamaAttention(config, 0), LlamaRotaryEmbedding(config)), X))


def of_qwen():
    config = Qwen2Config(hidden_size=N, num_attention_heads=2, num_key_value_heads=1, rope_parameters={"rope_theta": 1e6, "rope_type": "default"},
                         attn_implementation="sdpa")
    case = new_case("of_qwen2", 1e-5, "key_heads: 1\nrotary_base: 1e6\nrotary_pairs: halves\noutput_bias: false", "grouped_query", "rotary")
    projections(case, [f"attention.{p}_proj" for p in "qkvo"], (N, 4, 4), (True, True, True, False))
    yield case.done(context=case.run(Turned(Qwen2Attention(config, 0), Qwen2RotaryEmbedding(config)), X))


def of_neox():
    """Half of each head is turned, by halves; queries, keys and values stand side by side in each head."""
    for heads, share in ((1, 0.5), (2, 0.5)):
        config = GPTNeoXConfig(hidden_size=N, num_attention_heads=heads, attn_implementation="sdpa",
                               rope_parameters={"rope_theta": 10000.0, "rope_type": "default", "partial_rotary_factor": share})
        case = new_case(f"of_neox_{heads}", 1e-5, f"rotary_share: {share}\nrotary_pairs: halves", position="rotary", heads=heads)
        weights = [case.tensor(f"{n}_weight", (N, N)).view(heads, N // heads, N) for n in ("query", "key", "value")]
        biases = [case.tensor(f"{n}_bias", (N,), 0.2).view(heads, N // heads) for n in ("query", "key", "value")]
        case.peer["attention.query_key_value.weight"] = torch.stack(weights, 1).reshape(3 * N, N)
        case.peer["attention.query_key_value.bias"] = torch.stack(biases, 1).reshape(3 * N)
        case.linear("attention.dense", "output", N, N, True, OURS)
        yield case.done(context=case.run(Turned(GPTNeoXAttention(config, 0), GPTNeoXRotaryEmbedding(config)), X))


def of_gptj():
    """Four of eight numbers are turned, neighbours together."""
    config = GPTJConfig(n_embd=N, n_head=1, rotary_dim=4, n_positions=16, attn_pdrop=0.0, resid_pdrop=0.0, attn_implementation="sdpa")
    case = new_case("of_gptj", 1e-5, "rotary_share: 0.5\nrotary_pairs: adjacent", position="rotary", heads=1, bias=False)
    projections(case, [f"attention.{p}" for p in ("q_proj", "k_proj", "v_proj", "out_proj")], (N, N, N), (False,) * 4)
    yield case.done(context=case.run(Turned(GPTJAttention(config, 0), GPTJRotaryEmbedding(config)), X))


def of_t5():
    """No scale, no biases, heads of their own size, a bias by distance; T = 9 keys with 8 buckets reach the last one."""
    for decoder in (False, True):
        config = T5Config(d_model=N, d_kv=3, num_heads=2, relative_attention_num_buckets=8, relative_attention_max_distance=7, dropout_rate=0.0,
                          is_decoder=decoder, attn_implementation="sdpa")
        case = new_case(f"of_t5_{'decoder' if decoder else 'encoder'}", 1e-10,
                        "head_size: 3\nscore_scale: 1\nrelative_buckets: 8\nrelative_farthest: 7", position="relative_bias", causal=decoder, bias=False)
        projections(case, "qkvo", (6, 6, 6), (False,) * 4)
        case.peer["relative_attention_bias.weight"] = case.tensor("inner.positions.bias", (2, 8), 1.0).t()
        mask = torch.full((T, T), -torch.inf, dtype=torch.float64).triu(1)[None, None] if decoder else None
        yield case.done(context=case.run(T5Attention(config, True, 0), X, mask=mask)[0])


def buckets():
    """T5's bucket of the distances −300 to 300, behind and ahead."""
    distances = torch.arange(-300, 301)
    for count, farthest in ((32, 128), (8, 20), (64, 256), (6, 100)):
        for causal in (False, True):
            case = Case(f"buckets_{count}_{farthest}_{'causal' if causal else 'both'}", 0, buckets=count, farthest=farthest, causal=causal)
            found = T5Attention._relative_position_bucket(distances, not causal, count, farthest)
            case.golden["outputs"]["buckets"] = {"shape": [601], "values": found.tolist()}
            yield case.golden


write(__file__, [*of_torch(), *of_whisper(), *of_llama(), *of_qwen(), *of_neox(), *of_gptj(), *of_t5(), *buckets()])
