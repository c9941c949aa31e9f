"""What PyTorch's users would take instead of our attention, timed in turns with torch.ops.attend in one process; a line of JSON for each
case. bench/attention_peers.py runs it, a group a process, and keeps what it prints.

    python bench/peers/attention_torch.py flex --package build/release/python [--threads 1] [--pairs 30] [--only ALiBi]
"""
import argparse
import json
import math
import sys
import time

import torch
from torch.nn import functional as F

FARTHEST = {torch.float32: 1e-4, torch.bfloat16: 3e-2}  # two ways to one result may differ by this share of its largest number


class Bench:
    def __init__(self, options):
        self.options = options

    def pair(self, peer, name, work, ours, theirs):
        """Times both in turns; `work` in GFLOP. Both give the result of one call, and that must be the same."""
        case = f"{peer}: {name}"
        if self.options.only not in case:
            return
        a, b = ours(), theirs()
        apart = (a.float() - b.float()).abs().max().item() / b.float().abs().max().item()
        if not apart <= FARTHEST[a.dtype]:
            sys.exit(f"{case}: results differ by {apart:.2g} of the largest number")

        def calls(call):
            call()
            start = time.perf_counter()
            call()
            return max(1, int(0.004 / (time.perf_counter() - start)))

        def timed(call, times):
            start = time.perf_counter()
            for _ in range(times):
                call()
            return (time.perf_counter() - start) / times

        our_calls, their_calls = calls(ours), calls(theirs)
        turns, start = [], time.perf_counter()
        while len(turns) < self.options.pairs and (len(turns) < 5 or time.perf_counter() - start < self.options.seconds):
            if len(turns) % 2 == 0:
                first = timed(ours, our_calls)
                second = timed(theirs, their_calls)
            else:
                second = timed(theirs, their_calls)
                first = timed(ours, our_calls)
            turns.append((first, second))
        print(json.dumps({"case": case, "peer": peer, "threads": self.options.threads, "set": self.options.set, "pairs": len(turns),
                          "ratio": spread([b / a for a, b in turns]), "gflops": spread([work / a for a, _ in turns]),
                          "peer_gflops": spread([work / b for _, b in turns]), "torch": torch.__version__}), flush=True)


def spread(values):
    values = sorted(values)
    return {name: values[round(share * (len(values) - 1))] for name, share in (("median", 0.5), ("low", 0.05), ("high", 0.95))}


def without_gradients(call):
    def run(*inputs):
        with torch.no_grad():
            return call(*inputs)
    return run


def both_ways(call, leaves):
    """The gradient of the first leaf, by a fixed gradient of what `call` gives."""
    torch.manual_seed(2)
    gradient = torch.randn_like(call(*leaves))

    def run():
        for leaf in leaves:
            leaf.grad = None
        call(*leaves).backward(gradient)
        return leaves[0].grad
    return run


def inputs(heads, length, dtype=torch.float32, gradients=False):
    """q, k and v [1, H, N, 64]."""
    torch.manual_seed(1)
    return [torch.randn(1, heads, length, 64).to(dtype).requires_grad_(gradients) for _ in range(3)]


def patterns():
    """Who sees whom: name, heads, length, FlexAttention's mask and score, the share of the pairs that are seen, and our options."""
    slopes = torch.tensor([2.0 ** -(h + 1) for h in range(8)])  # [H]
    window, length, documents = 256, 4096, 8
    of_document = torch.arange(2048) // (2048 // documents)  # [N]

    def causal(b, h, t, s):
        return s <= t

    def near(b, h, t, s):
        return (s <= t) & (t - s < window)

    def same_document(b, h, t, s):
        return of_document[t] == of_document[s]

    def alibi(score, b, h, t, s):
        return score - slopes[h] * (t - s)

    yield "causal", 8, 1024, causal, None, 0.5, {"causal": True}
    yield "causal with ALiBi", 8, 1024, causal, alibi, 0.5, {"causal": True, "slopes": slopes}
    yield "window 256", 2, length, near, None, window / length, {"window": (window - 1, 0)}
    yield "8 documents", 4, 2048, same_document, None, 1 / documents, {"keep": of_document.unsqueeze(1) == of_document}


def flex(bench, attend):
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    for name, heads, length, mask, score, share, options in patterns():
        work = 4e-9 * heads * length**2 * 64 * share
        case = f"{name}, forward float32 B1 H{heads} N{length} D64"
        if bench.options.only not in f"FlexAttention: {case}":
            continue
        q, k, v = inputs(heads, length)
        torch._dynamo.reset()
        compiled = torch.compile(flex_attention)
        block_mask = create_block_mask(mask, None, None, length, length, device="cpu")
        theirs = without_gradients(lambda: compiled(q, k, v, score_mod=score, block_mask=block_mask))
        ours = without_gradients(lambda: attend.fused_attention(q, k, v, **options).context)
        bench.pair("FlexAttention", case, work, ours, theirs)


def eager(bench, attend):
    """FlexAttention's patterns with their gradients, which it does not give on the CPU: as a composition of tensor operations."""
    for name, heads, length, mask, score, share, options in patterns():
        leaves = inputs(heads, length, gradients=True)
        t, s = torch.arange(length).unsqueeze(1), torch.arange(length)
        hidden = ~mask(None, None, t, s)  # [T, S]
        bias = score(0.0, None, torch.arange(heads).view(-1, 1, 1), t, s) if score else None  # [H, T, S]

        def composed(q, k, v):
            scores = q @ k.mT / 8  # [B, H, T, S]
            if bias is not None:
                scores = scores + bias
            return scores.masked_fill(hidden, -math.inf).softmax(-1) @ v

        case = f"{name}, forward and backward float32 B1 H{heads} N{length} D64"
        bench.pair("eager composition", case, 14e-9 * heads * length**2 * 64 * share,
                   both_ways(lambda q, k, v: attend.fused_attention(q, k, v, **options).context, leaves), both_ways(composed, leaves))


def compiled_additive(bench, attend):
    def composed(q, k, v, energy):
        scores = (torch.tanh(q.unsqueeze(3) + k.unsqueeze(2)) * energy[0]).sum(-1)  # [B, 1, T, S]
        return scores.softmax(-1) @ v

    def ours(q, k, v, energy):
        return attend.additive_attention(q, k, v, energy).context

    for batch, queries, keys, size in ((8, 64, 64, 512), (1, 256, 256, 512), (64, 1, 40, 512)):
        torch.manual_seed(1)
        leaves = [torch.randn(batch, 1, rows, size).requires_grad_() for rows in (queries, keys, keys)]
        leaves.append((torch.randn(1, size) * 0.1).requires_grad_())
        torch._dynamo.reset()
        compiled = torch.compile(composed)
        name, work = f"additive B{batch} T{queries} S{keys} E{size}", 1e-9 * batch * queries * keys * size
        bench.pair("torch.compile", f"forward {name}", work, without_gradients(lambda: ours(*leaves)),
                   without_gradients(lambda: compiled(*leaves)))
        bench.pair("torch.compile", f"forward and backward {name}", work, both_ways(ours, leaves), both_ways(compiled, leaves))


def onednn(bench, attend):
    """oneDNN's graph library, through TorchScript: the whole composition is one partition of it."""
    torch.jit.enable_onednn_fusion(True)

    class Attention(torch.nn.Module):
        def forward(self, q, k, v):
            return torch.softmax(q @ k.transpose(-1, -2) / 8.0, -1) @ v

    for heads, length in ((8, 1024), (2, 4096)):
        q, k, v = inputs(heads, length)
        with torch.no_grad():
            traced = torch.jit.freeze(torch.jit.trace(Attention().eval(), (q, k, v)))
            for _ in range(3):
                traced(q, k, v)
            if "oneDNNFusionGroup" not in str(torch.jit.last_executed_optimized_graph()):
                sys.exit("TorchScript made no oneDNN partition of the composition")
        bench.pair("oneDNN graph", f"forward float32 B1 H{heads} N{length} D64", 4e-9 * heads * length**2 * 64,
                   without_gradients(lambda: attend.fused_attention(q, k, v).context), without_gradients(lambda: traced(q, k, v)))


def zentorch(bench, attend):
    import zentorch as their_backend  # registers itself

    their_backend.optimize(torch.nn.Linear(4, 4).eval())  # says on standard error why it declines, where it does
    if not their_backend._C.is_avx512_supported():
        sys.exit(1)
    for dtype, causal in ((torch.float32, False), (torch.float32, True), (torch.bfloat16, False), (torch.bfloat16, True)):
        q, k, v = inputs(8, 1024, dtype)
        torch._dynamo.reset()
        compiled = torch.compile(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=causal), backend="zentorch")
        name = "float32" if dtype == torch.float32 else "bfloat16"
        case, work = f"forward {name} B1 H8 N1024 D64{' causal' if causal else ''}", 4e-9 * 8 * 1024**2 * 64 * (0.5 if causal else 1)
        bench.pair("zentorch", case, work, without_gradients(lambda: attend.fused_attention(q, k, v, causal=causal).context),
                   without_gradients(lambda: compiled(q, k, v)))


GROUPS = {"flex": flex, "eager": eager, "compile": compiled_additive, "onednn": onednn, "zentorch": zentorch}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("group", choices=GROUPS)
    parser.add_argument("--package", required=True, help="the folder that holds the package attend")
    parser.add_argument("--set", default="", help="the instruction set that it runs with")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=60, help="that the turns of a case may take; 5 are taken in any case")
    parser.add_argument("--only", default="", help="cases whose name holds this")
    options = parser.parse_args()
    sys.path.insert(0, options.package)
    import attend

    torch.set_num_threads(options.threads)
    GROUPS[options.group](Bench(options), attend)


if __name__ == "__main__":
    main()
