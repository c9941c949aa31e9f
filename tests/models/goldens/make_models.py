"""Writes models.json: whole small models of PyTorch and Hugging Face, two layers a stack, every tensor drawn anew.

    pip install torch==2.13.0 transformers==5.24.0 && python tests/models/goldens/make_models.py
"""
import math
import sys
from pathlib import Path

import torch
from torch import nn
from transformers import (BartConfig, BartForConditionalGeneration, BertConfig, BertForMaskedLM, GPT2Config, GPT2LMHeadModel, GPTNeoXConfig,
                          GPTNeoXForCausalLM, LlamaConfig, LlamaForCausalLM, M2M100Config, M2M100ForConditionalGeneration, MarianConfig,
                          MarianMTModel, T5Config, T5ForConditionalGeneration)

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))
from peers import Case, write  # noqa: E402

N, H, F, V = 8, 2, 12, 11
SOURCE = [[5, 7, 4, 9, 6], [8, 10, 4, 1, 1]]
LENGTHS = [5, 3]
INPUTS = [[4, 6, 9, 5], [7, 4, 10, 8]]
KEEP = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
OURS = ("_weight", "_bias")
PEER = {"attn_implementation": "sdpa"}


def new_case(name, tolerance, kind, *options, heads=H, **more):
    depths = {"transformer_lm": ["decoder_layers: 2"], "masked_lm": ["encoder_layers: 2"]}.get(kind, ["encoder_layers: 2", "decoder_layers: 2"])
    lines = [f"type: {kind}", "attention: multi_head", f"embedding: {N}", f"heads: {heads}", f"feed_forward: {F}", *depths, "dropout: 0", *options]
    return Case(name, tolerance, "\n".join(lines), vocabulary=V, **more)


def heads(case, peers, ours, bias=True, size=N, key_size=None):
    """q, k, v, o under the peer's names."""
    key_size = key_size or size
    for peer, name, out in zip(peers[:3], ("query", "key", "value"), (size, key_size, key_size)):
        case.linear(peer, f"{ours}.{name}", out, N, bias, OURS)
    case.linear(peers[3], f"{ours}.output", N, size, bias, OURS)


def joined_heads(case, peer, ours, bias=True):
    """q, k and v as one matrix, as torch.nn.MultiheadAttention has them."""
    names = [f"{ours}.{n}" for n in ("query", "key", "value")]
    case.peer[f"{peer}.in_proj_weight"] = torch.cat([case.tensor(f"{n}_weight", (N, N)) for n in names])
    if bias:
        case.peer[f"{peer}.in_proj_bias"] = torch.cat([case.tensor(f"{n}_bias", (N,), 0.2) for n in names])
    case.linear(f"{peer}.out_proj", f"{ours}.output", N, N, bias, OURS)


class TorchTransformer(nn.Module):
    """nn.TransformerEncoder and nn.TransformerDecoder between tables; the last norms are there when the layers have theirs first."""

    def __init__(self, bias, **options):
        super().__init__()
        self.source, self.target, self.out = nn.Embedding(V, N), nn.Embedding(V, N), nn.Linear(N, V)
        options = {"d_model": N, "nhead": H, "dim_feedforward": F, "dropout": 0.0, "batch_first": True, "bias": bias, **options}
        last = [nn.LayerNorm(N, options["layer_norm_eps"], bias=bias) if options["norm_first"] else None for _ in range(2)]
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(**options), 2, last[0], enable_nested_tensor=False)
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(**options), 2, last[1])

    def forward(self, source, inputs, hidden):
        memory = self.encoder(self.source(source), src_key_padding_mask=hidden)
        future = torch.ones(inputs.shape[1], inputs.shape[1]).triu(1).bool()
        states = self.decoder(self.target(inputs), memory, tgt_mask=future, memory_key_padding_mask=hidden)
        return states, self.out(states)


def of_torch():
    for name, first, activation, bias in (("post", False, "relu", True), ("pre", True, "gelu", True), ("pre_without_bias", True, "relu", False)):
        options = [f"norm: {'pre' if first else 'post'}", f"activation: {activation}", "positions: none", "embedding_scale: false", "norm_epsilon: 0.02"]
        if not bias:
            options += ["norm_bias: false", "feed_forward_bias: false", "attention_bias: false"]
        case = new_case(f"torch_{name}", 1e-10, "transformer", *options)
        case.peer["source.weight"] = case.tensor("source_embedding.weight", (V, N), 1.0)
        case.peer["target.weight"] = case.tensor("target_embedding.weight", (V, N), 1.0)
        for stack, norms in (("encoder", ("around_self", "around_feed_forward")), ("decoder", ("around_self", "around_cross", "around_feed_forward"))):
            for i in range(2):
                peer, ours = f"{stack}.layers.{i}", f"{stack}_{i}"
                joined_heads(case, f"{peer}.self_attn", f"{ours}.self", bias)
                if stack == "decoder":
                    joined_heads(case, f"{peer}.multihead_attn", f"{ours}.cross", bias)
                case.linear(f"{peer}.linear1", f"{ours}.feed_forward.in", F, N, bias)
                case.linear(f"{peer}.linear2", f"{ours}.feed_forward.out", N, F, bias)
                for k, norm in enumerate(norms):
                    case.norm(f"{peer}.norm{k + 1}", f"{ours}.{norm}.norm", N, bias)
            if first:
                case.norm(f"{stack}.norm", f"{stack}_norm", N, bias)
        case.linear("out", "output", V, N, True, OURS)
        states, logits = case.run(TorchTransformer(bias, norm_first=first, activation=activation, layer_norm_eps=0.02), torch.tensor(SOURCE),
                                  torch.tensor(INPUTS), KEEP.eq(0))
        yield case.done(states=states, logits=logits)


def of_bert():
    config = BertConfig(vocab_size=V, hidden_size=N, num_hidden_layers=2, num_attention_heads=H, intermediate_size=F, max_position_embeddings=7,
                        hidden_act="gelu", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, **PEER)
    types = [[0, 0, 1, 1, 1], [0, 1, 1, 0, 0]]
    case = new_case("bert", 1e-10, "masked_lm", "norm: post", "norm_epsilon: 1e-12", "activation: gelu", "positions: learned", "longest: 7",
                    "embedding_scale: false", "embedding_norm: true", "token_types: 2", "tied: target", "output_transform: true", types=types)
    case.peer["bert.embeddings.word_embeddings.weight"] = case.tensor("embedding.weight", (V, N), 1.0)
    case.peer["bert.embeddings.position_embeddings.weight"] = case.tensor("encoder.positions.table", (7, N))
    case.peer["bert.embeddings.token_type_embeddings.weight"] = case.tensor("encoder.types", (2, N))
    case.norm("bert.embeddings.LayerNorm", "encoder.embedding_norm", N)
    for i in range(2):
        peer, ours = f"bert.encoder.layer.{i}", f"encoder.layer_{i}"
        heads(case, [f"{peer}.attention.{p}" for p in ("self.query", "self.key", "self.value", "output.dense")], f"{ours}.self")
        case.norm(f"{peer}.attention.output.LayerNorm", f"{ours}.around_self.norm", N)
        case.linear(f"{peer}.intermediate.dense", f"{ours}.feed_forward.in", F, N)
        case.linear(f"{peer}.output.dense", f"{ours}.feed_forward.out", N, F)
        case.norm(f"{peer}.output.LayerNorm", f"{ours}.around_feed_forward.norm", N)
    case.linear("cls.predictions.transform.dense", "transform", N, N)
    case.norm("cls.predictions.transform.LayerNorm", "transform_norm", N)
    case.peer["cls.predictions.bias"] = case.tensor("output_bias", (V,), 0.2)
    got = case.run(BertForMaskedLM(config), torch.tensor(SOURCE), attention_mask=KEEP, token_type_ids=torch.tensor(types), output_hidden_states=True)
    keep = KEEP.unsqueeze(-1)
    yield case.done(states=got.hidden_states[-1] * keep, logits=got.logits * keep)


def of_gpt2():
    config = GPT2Config(vocab_size=V, n_embd=N, n_layer=2, n_head=H, n_inner=F, n_positions=7, layer_norm_epsilon=0.01, bos_token_id=2, eos_token_id=3,
                        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, **PEER)
    case = new_case("gpt2", 1e-10, "transformer_lm", "norm: pre", "norm_epsilon: 0.01", "activation: gelu_tanh", "positions: learned", "longest: 7",
                    "embedding_scale: false", "tied: target")
    case.peer["transformer.wte.weight"] = case.tensor("embedding.weight", (V, N), 1.0)
    case.peer["transformer.wpe.weight"] = case.tensor("positions.table", (7, N))
    for i in range(2):
        peer, ours = f"transformer.h.{i}", f"decoder_{i}"
        names = [f"{ours}.self.{n}" for n in ("query", "key", "value")]
        case.peer[f"{peer}.attn.c_attn.weight"] = torch.cat([case.tensor(f"{n}_weight", (N, N)) for n in names]).t()  # its matrices are [in, out]
        case.peer[f"{peer}.attn.c_attn.bias"] = torch.cat([case.tensor(f"{n}_bias", (N,), 0.2) for n in names])
        case.linear(f"{peer}.attn.c_proj", f"{ours}.self.output", N, N, True, OURS, transposed=True)
        case.norm(f"{peer}.ln_1", f"{ours}.around_self.norm", N)
        case.linear(f"{peer}.mlp.c_fc", f"{ours}.feed_forward.in", F, N, transposed=True)
        case.linear(f"{peer}.mlp.c_proj", f"{ours}.feed_forward.out", N, F, transposed=True)
        case.norm(f"{peer}.ln_2", f"{ours}.around_feed_forward.norm", N)
    case.norm("transformer.ln_f", "norm", N)
    case.silent("output_bias", (V,))
    got = case.run(GPT2LMHeadModel(config), torch.tensor(INPUTS), output_hidden_states=True)
    yield case.done(states=got.hidden_states[-1], logits=got.logits)


def of_neox():
    config = GPTNeoXConfig(vocab_size=V, hidden_size=N, num_hidden_layers=2, num_attention_heads=1, intermediate_size=F, use_parallel_residual=False,
                           attention_dropout=0.0, hidden_dropout=0.0, max_position_embeddings=16,
                           rope_parameters={"rope_theta": 50.0, "rope_type": "default", "partial_rotary_factor": 0.5}, **PEER)
    case = new_case("gpt_neox", 1e-5, "transformer_lm", "norm: pre", "activation: gelu", "positions: rotary", "rotary_base: 50", "rotary_share: 0.5",
                    "rotary_pairs: halves", "embedding_scale: false", "tied: none", heads=1)
    case.peer["gpt_neox.embed_in.weight"] = case.tensor("embedding.weight", (V, N), 1.0)
    for i in range(2):
        peer, ours = f"gpt_neox.layers.{i}", f"decoder_{i}"
        names = [f"{ours}.self.{n}" for n in ("query", "key", "value")]
        weights = [case.tensor(f"{n}_weight", (N, N)).view(1, N, N) for n in names]
        biases = [case.tensor(f"{n}_bias", (N,), 0.2).view(1, N) for n in names]
        case.peer[f"{peer}.attention.query_key_value.weight"] = torch.stack(weights, 1).reshape(3 * N, N)
        case.peer[f"{peer}.attention.query_key_value.bias"] = torch.stack(biases, 1).reshape(3 * N)
        case.linear(f"{peer}.attention.dense", f"{ours}.self.output", N, N, True, OURS)
        case.norm(f"{peer}.input_layernorm", f"{ours}.around_self.norm", N)
        case.linear(f"{peer}.mlp.dense_h_to_4h", f"{ours}.feed_forward.in", F, N)
        case.linear(f"{peer}.mlp.dense_4h_to_h", f"{ours}.feed_forward.out", N, F)
        case.norm(f"{peer}.post_attention_layernorm", f"{ours}.around_feed_forward.norm", N)
    case.norm("gpt_neox.final_layer_norm", "norm", N)
    case.peer["lm_head.weight"] = case.tensor("output_weight", (V, N))
    case.silent("output_bias", (V,))
    got = case.run(GPTNeoXForCausalLM(config), torch.tensor(INPUTS), output_hidden_states=True)
    yield case.done(states=got.hidden_states[-1], logits=got.logits)


def of_llama():
    scaling = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8}
    config = LlamaConfig(vocab_size=V, hidden_size=N, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=1, head_dim=6, intermediate_size=F,
                         rms_norm_eps=1e-3, max_position_embeddings=64, rope_parameters={"rope_theta": 100.0, **scaling}, tie_word_embeddings=False, **PEER)
    case = new_case("llama", 1e-5, "transformer_lm", "self_attention: grouped_query", "key_heads: 1", "head_size: 6", "norm: pre", "norm_kind: rms",
                    "norm_epsilon: 1e-3", "activation: silu", "gated: true", "feed_forward_bias: false", "attention_bias: false", "positions: rotary",
                    "rotary_base: 100", "rotary_pairs: halves", "rotary_scaling: llama3", "rotary_factor: 8", "rotary_original_length: 8",
                    "embedding_scale: false", "tied: none", heads=4)
    case.peer["model.embed_tokens.weight"] = case.tensor("embedding.weight", (V, N), 1.0)
    for i in range(2):
        peer, ours = f"model.layers.{i}", f"decoder_{i}"
        heads(case, [f"{peer}.self_attn.{p}_proj" for p in "qkvo"], f"{ours}.self", False, 24, 6)
        case.linear(f"{peer}.mlp.gate_proj", f"{ours}.feed_forward.in", F, N, False)
        case.linear(f"{peer}.mlp.up_proj", f"{ours}.feed_forward.times", F, N, False)
        case.linear(f"{peer}.mlp.down_proj", f"{ours}.feed_forward.out", N, F, False)
        case.norm(f"{peer}.input_layernorm", f"{ours}.around_self.norm", N, False)
        case.norm(f"{peer}.post_attention_layernorm", f"{ours}.around_feed_forward.norm", N, False)
    case.norm("model.norm", "norm", N, False)
    case.peer["lm_head.weight"] = case.tensor("output_weight", (V, N))
    case.silent("output_bias", (V,))
    got = case.run(LlamaForCausalLM(config), torch.tensor(INPUTS), output_hidden_states=True)
    yield case.done(states=got.hidden_states[-1], logits=got.logits)


def of_t5():
    """The first release ties its tables and divides the last states by √N, which its last norm takes up; version 1.1 gates and ties nothing."""
    for name, gated in (("t5", False), ("t5_gated", True)):
        config = T5Config(vocab_size=V, d_model=N, d_kv=3, d_ff=F, num_layers=2, num_decoder_layers=2, num_heads=H, dropout_rate=0.0,
                          relative_attention_num_buckets=6, relative_attention_max_distance=5, layer_norm_epsilon=1e-3,
                          feed_forward_proj="gated-gelu" if gated else "relu", tie_word_embeddings=True, scale_decoder_outputs=not gated,
                          decoder_start_token_id=0, **PEER)
        options = ["norm: pre", "norm_kind: rms", "norm_epsilon: 1e-3", "attention_bias: false", "feed_forward_bias: false", "head_size: 3", "score_scale: 1",
                   "positions: relative_bias", "relative_buckets: 6", "relative_farthest: 5", "relative_shared: true", "embedding_scale: false"]
        options += ["activation: gelu_tanh", "gated: true", "tied: target"] if gated else ["activation: relu", "tied: all"]
        case = new_case(name, 1e-5, "transformer", *options)
        case.peer["shared.weight"] = case.tensor("target_embedding.weight", (V, N), 0.5)
        source = case.tensor("source_embedding.weight", (V, N), 0.5) if gated else case.peer["shared.weight"]
        for stack, last in (("encoder", 1), ("decoder", 2)):
            for i in range(2):
                peer, ours = f"{stack}.block.{i}.layer", f"{stack}_{i}"
                heads(case, [f"{peer}.0.SelfAttention.{p}" for p in "qkvo"], f"{ours}.self", False, 6)
                case.norm(f"{peer}.0.layer_norm", f"{ours}.around_self.norm", N, False)
                if stack == "decoder":
                    heads(case, [f"{peer}.1.EncDecAttention.{p}" for p in "qkvo"], f"{ours}.cross", False, 6)
                    case.norm(f"{peer}.1.layer_norm", f"{ours}.around_cross.norm", N, False)
                parts = (("wi_0", "in", F, N), ("wi_1", "times", F, N), ("wo", "out", N, F)) if gated else (("wi", "in", F, N), ("wo", "out", N, F))
                for part, own, out, inside in parts:
                    case.linear(f"{peer}.{last}.DenseReluDense.{part}", f"{ours}.feed_forward.{own}", out, inside, False)
                case.norm(f"{peer}.{last}.layer_norm", f"{ours}.around_feed_forward.norm", N, False)
            table = case.tensor(f"{stack}_relative_bias", (H, 6), 1.0)
            case.peer[f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"] = table.t()
            case.norm(f"{stack}.final_layer_norm", f"{stack}_norm", N, False)
        last_norm = case.peer["decoder.final_layer_norm.weight"]
        if not gated:
            case.peer["decoder.final_layer_norm.weight"] = last_norm * math.sqrt(N)
        case.silent("output_bias", (V,))
        got = case.run(T5ForConditionalGeneration(config), inputs_embeds=source[torch.tensor(SOURCE)], attention_mask=KEEP,
                       decoder_input_ids=torch.tensor(INPUTS), output_hidden_states=True)
        states = got.decoder_hidden_states[-1]
        yield case.done(states=states if gated else states / math.sqrt(N), logits=got.logits)


def of_fairseq():
    """Marian, BART and M2M100 as Hugging Face has them: one layout, three kinds of positions and two places of the norms."""
    common = dict(vocab_size=V, d_model=N, encoder_layers=2, decoder_layers=2, encoder_attention_heads=H, decoder_attention_heads=H, encoder_ffn_dim=F,
                  decoder_ffn_dim=F, max_position_embeddings=9, pad_token_id=1, bos_token_id=2, eos_token_id=3, decoder_start_token_id=2, dropout=0.0,
                  attention_dropout=0.0, activation_dropout=0.0, forced_eos_token_id=3, **PEER)
    marian = MarianMTModel(MarianConfig(**common, activation_function="swish", scale_embedding=True))
    for stack in (marian.model.encoder, marian.model.decoder):  # the table is a formula, made where weights are loaded
        stack.embed_positions.weight.data.copy_(stack.embed_positions.create_weight())
    bart = BartForConditionalGeneration(BartConfig(**common, activation_function="gelu", scale_embedding=False))
    m2m = M2M100ForConditionalGeneration(M2M100Config(**common, activation_function="relu", scale_embedding=True))
    for name, module, tolerance, options in (
            ("marian", marian, 1e-5, ["norm: post", "activation: silu", "positions: sinusoidal", "sinusoids: halves"]),
            ("bart", bart, 1e-10, ["norm: post", "activation: gelu", "positions: learned", "longest: 11", "first_position: 2", "embedding_scale: false",
                                   "embedding_norm: true"]),
            ("m2m100", m2m, 1e-5, ["norm: pre", "activation: relu", "positions: sinusoidal", "sinusoids: halves", "sinusoid_end: true",
                                   "first_position: 2"])):
        case = new_case(name, tolerance, "transformer", *options, "tied: all")
        case.peer["model.shared.weight"] = case.tensor("target_embedding.weight", (V, N), 0.5)
        for stack, side in (("encoder", "source"), ("decoder", "target")):
            if name == "bart":
                case.peer[f"model.{stack}.embed_positions.weight"] = case.tensor(f"{side}_positions.table", (11, N))
                case.norm(f"model.{stack}.layernorm_embedding", f"{side}_embedding_norm", N)
            for i in range(2):
                peer, ours = f"model.{stack}.layers.{i}", f"{stack}_{i}"
                heads(case, [f"{peer}.self_attn.{p}" for p in ("q_proj", "k_proj", "v_proj", "out_proj")], f"{ours}.self")
                case.norm(f"{peer}.self_attn_layer_norm", f"{ours}.around_self.norm", N)
                if stack == "decoder":
                    heads(case, [f"{peer}.encoder_attn.{p}" for p in ("q_proj", "k_proj", "v_proj", "out_proj")], f"{ours}.cross")
                    case.norm(f"{peer}.encoder_attn_layer_norm", f"{ours}.around_cross.norm", N)
                case.linear(f"{peer}.fc1", f"{ours}.feed_forward.in", F, N)
                case.linear(f"{peer}.fc2", f"{ours}.feed_forward.out", N, F)
                case.norm(f"{peer}.final_layer_norm", f"{ours}.around_feed_forward.norm", N)
            if name == "m2m100":
                case.norm(f"model.{stack}.layer_norm", f"{stack}_norm", N)
        if name == "m2m100":
            case.silent("output_bias", (V,))
        else:
            case.buffers["final_logits_bias"] = case.tensor("output_bias", (V,), 0.2).unsqueeze(0)
        got = case.run(module, torch.tensor(SOURCE), attention_mask=KEEP, decoder_input_ids=torch.tensor(INPUTS), output_hidden_states=True,
                       skip=("embed_positions",) if name == "marian" else ())
        yield case.done(states=got.decoder_hidden_states[-1], logits=got.logits)


def all_cases():
    for make in (of_torch, of_bert, of_gpt2, of_neox, of_llama, of_t5, of_fairseq):
        for golden in make():
            if not any(x in golden["options"] for x in ("masked_lm", "transformer_lm")):
                golden.update(source=SOURCE, lengths=LENGTHS)
            golden.update({"text": SOURCE, "lengths": LENGTHS} if "masked_lm" in golden["options"] else {"inputs": INPUTS})
            yield golden


write(__file__, list(all_cases()))
