"""torch.ops.attend by PyTorch's own checks of operators, traced, exported and compiled; rows, linear layers; mistakes; the library itself."""
import math
import pathlib
import subprocess
import sysconfig
import unittest

import torch
from cases import DV, B, H, S, T, cases, sources
from support import Case, main, waves
from torch.autograd import gradcheck
from torch.library import opcheck

import attend


class Rows(Case):
    def test_entmax_finds_the_threshold(self):
        for alpha in (1.0, 1.3, 1.5, 2.0, 3.0):
            with self.subTest(alpha):
                scores = 2 * waves(3, 4, 9, grad=True)
                weights = attend.entmax(scores, alpha)
                self.assert_near(weights.sum(-1), torch.ones(3, 4), 1e-9)
                # On the support w^(α−1) = (α − 1) z − τ for one τ; elsewhere (α − 1) z ≤ τ.
                tau = (alpha - 1) * scores - weights ** (alpha - 1)
                if alpha > 1:
                    inside = weights > 0
                    highest = tau.masked_fill(~inside, -math.inf).amax(-1, keepdim=True)
                    self.assertLess((highest - tau)[inside].max(), 1e-9)
                    self.assertTrue(((alpha - 1) * scores <= highest + 1e-9)[~inside].all())
                self.assertTrue(gradcheck(lambda z: attend.entmax(z, alpha), (waves(2, 7, grad=True),)))
        self.assertTrue(torch.equal(attend.sparsemax(scores), attend.entmax(scores, 2.0)))
        self.assertTrue(torch.equal(attend.entmax15(scores), attend.entmax(scores)))

    def test_expected_alignment_is_the_recurrence(self):
        stop, before = torch.sigmoid(waves(3, 8)).requires_grad_(), torch.softmax(waves(3, 8, phase=1), -1).requires_grad_()
        y, wanted = torch.zeros(3, dtype=torch.float64), []
        for s in range(8):
            y = (1 - stop[:, s - 1] if s else 0) * y + before[:, s]
            wanted.append(stop[:, s] * y)
        self.assert_near(attend.expected_alignment(stop, before), torch.stack(wanted, -1), 1e-12)
        self.assertTrue(gradcheck(attend.expected_alignment, (stop, before)))
        self.assertTrue(gradcheck(lambda p: attend.expected_alignment(p, before.detach()), (stop,)))


class Linear(Case):
    def test_packed_weights_multiply_as_the_layer_does(self):
        layer = torch.nn.Linear(37, 70)
        with torch.no_grad():
            layer.weight.copy_(waves(70, 37, dtype=torch.float32)), layer.bias.copy_(waves(70, phase=1, dtype=torch.float32))
            for form, within in (("float32", 2e-5), ("bfloat16", 0.2), ("int8", 0.4)):
                for rows in ((), (1,), (2, 3)):
                    x = waves(*rows, 37, phase=2, dtype=torch.float32)
                    self.assert_near(attend.PackedLinear(layer, form)(x), layer(x), within, form)
            x = waves(4, 37, dtype=torch.float64)
            self.assert_near(attend.PackedLinear(layer.double(), "float64", "silu")(x), torch.nn.functional.silu(layer(x)), 1e-12)
            self.assert_near(attend.PackedLinear(torch.nn.Linear(37, 5, bias=False).double(), "float64")(0 * x), torch.zeros(4, 5), 0)

    def test_has_no_gradient_and_says_so(self):
        packed = attend.PackedLinear(torch.nn.Linear(4, 3))
        with self.assertRaisesRegex(NotImplementedError, "no gradients; call it under torch.no_grad"):
            packed(waves(2, 4, dtype=torch.float32, grad=True))

    def test_bytes_of_another_layer_are_refused(self):
        packed = torch.ops.attend.pack_linear(waves(3, 4, dtype=torch.float32))
        with self.assertRaisesRegex(ValueError, "take them from pack_linear"):
            torch.ops.attend.packed_linear(waves(2, 40, dtype=torch.float32), packed, 3)


class Operators(Case):
    """PyTorch's own checks: schema, registration of gradients, fake tensors, tracing with symbolic sizes."""

    def check(self, op, *args, **kwargs):
        self.assertEqual(set(opcheck(op, args, kwargs).values()), {"SUCCESS"})

    def test_fused_attention(self):
        statistics = dict(entropy=True, maximum=True, column_sums=True, top=2, pool_rows=2, pool_keys=3, rows=torch.tensor([1, 2]))
        op = torch.ops.attend.fused_attention.default
        self.check(op, *sources(grad=True))
        self.check(op, *sources(grad=True, key_heads=2), right=0, **statistics)
        for name in ("by distance", "tanh", "bias", "keep"):
            self.check(op, *sources(grad=True), **cases(grad=True)[name], entropy=True)
        self.check(op, *sources(torch.bfloat16), key_lengths=torch.tensor([6, 4]))

    def test_fused_attention_backward(self):
        q, k, v = sources()
        out = torch.ops.attend.fused_attention(q, k, v)
        self.check(torch.ops.attend.fused_attention_backward.default, waves(B, H, T, DV), None, None, None, None, q, k, v, *out[:4], out[5],
                   [True] * 6)

    def test_fused_weights(self):
        q, k, v = sources()
        lse = torch.ops.attend.fused_attention(q, k, v)[1]
        self.check(torch.ops.attend.fused_weights.default, q, k, lse, 1, 3, 0, 5)
        self.check(torch.ops.attend.dropout_keys.default, q, 4)

    def test_rows(self):
        self.check(torch.ops.attend.entmax.default, waves(3, 5, grad=True))
        self.check(torch.ops.attend.entmax.default, waves(3, 5, grad=True), 1.7)
        self.check(torch.ops.attend.entmax_backward.default, waves(3, 5), attend.sparsemax(waves(3, 5)), 2.0)
        self.check(torch.ops.attend.expected_alignment.default, waves(3, 5, grad=True), waves(3, 5, grad=True))
        self.check(torch.ops.attend.expected_alignment_backward.default, waves(3, 5), waves(3, 5), waves(3, 5), False)

    def test_linear(self):
        weight = waves(5, 8, dtype=torch.float32)
        self.check(torch.ops.attend.pack_linear.default, weight, "bfloat16")
        self.check(torch.ops.attend.packed_linear.default, waves(3, 8, dtype=torch.float32), torch.ops.attend.pack_linear(weight), 5)


class Compiled(Case):
    """torch.compile takes the operators into one graph."""

    @staticmethod
    def step(q, k, v):
        out = attend.fused_attention(torch.relu(q) * 2, k, v, causal=True, statistics=("entropy", "maximum"), top=2)
        return out.context.sin().sum() - 0.1 * out.entropy.mean() + attend.entmax15(q).square().sum(), out.top_keys

    def compare(self, backend, dynamic=None, sizes=(T,)):
        torch._dynamo.reset()
        compiled = torch.compile(self.step, backend=backend, fullgraph=True, dynamic=dynamic)
        for queries in sizes:
            ours, theirs = sources(grad=True, queries=queries), sources(grad=True, queries=queries)
            (loss, keys), (wanted, wanted_keys) = compiled(*ours), self.step(*theirs)
            self.assert_near(loss, wanted, 1e-12)
            self.assertTrue(torch.equal(keys, wanted_keys))
            loss.backward(), wanted.backward()
            for a, b in zip(ours, theirs):
                self.assert_near(a.grad, b.grad, 1e-12)

    def test_traced(self):
        self.compare("aot_eager")

    def test_traced_for_any_size(self):
        torch._dynamo.reset()
        with torch._dynamo.config.patch(error_on_recompile=True):
            self.compare("aot_eager", dynamic=True, sizes=(5, 8, 11))  # no other size is one of them, or it would be taken for the same

    @unittest.skipUnless(pathlib.Path(sysconfig.get_path("include"), "Python.h").exists(), "inductor needs Python.h (package python3-dev)")
    def test_by_inductor(self):
        self.compare("inductor")

    def test_dropout_is_drawn_in_the_graph(self):
        torch._dynamo.reset()
        compiled = torch.compile(lambda q, k, v: attend.fused_attention(q, k, v, dropout=0.5).context, backend="aot_eager", fullgraph=True)
        first, second = compiled(*sources()), compiled(*sources())
        self.assertFalse(torch.equal(first, second))

    def test_exported(self):
        class Layer(torch.nn.Module):
            def forward(self, q, k, v):
                return attend.fused_attention(q, k, v, window=2).context

        program = torch.export.export(Layer(), sources(), strict=False)
        self.assertIn("attend.fused_attention.default", program.graph_module.code)
        self.assert_near(program.module()(*sources()), Layer()(*sources()), 0)


class Mistakes(Case):
    """Who, what was expected, what came, and the cure; as an exception of the kind that Python has for it."""

    def test_are_told(self):
        q, k, v = sources()
        ask = attend.fused_attention
        mistakes = {
            "query, key and value must be \\[B, H, T, D\\]": lambda: ask(q[0], k[0], v[0]),
            "B, Hk, S or D differ: query \\[2, 4, 5, 3\\], key \\[2, 4, 7, 2\\]": lambda: ask(q, k[..., :2], v),
            "one number format": lambda: ask(q, k.float(), v),
            "float32, bfloat16 or float64, got Half": lambda: ask(q.half(), k.half(), v.half()),
            "keep must broadcast to": lambda: ask(q, k, v, keep=torch.ones(3, 3, dtype=torch.bool)),
            "bias must be Double": lambda: ask(q, k, v, bias=torch.zeros(T, S)),
            "key lengths must be int64 \\[B=2\\]": lambda: ask(q, k, v, key_lengths=torch.tensor([1, 2, 3])),
            "did you mean 'tanh'": lambda: ask(q, k, v, score="tan"),
            "energy of additive scores must be": lambda: ask(q, k, v, score="tanh"),
            "left must be 0 or more, got -1": lambda: ask(q, k, v, window=-1),
            "causal sees no key behind": lambda: ask(q, k, v, causal=True, window=(3, 2)),
            "statistics knows lse, entropy, maximum, column_sums, got 'top'": lambda: ask(q, k, v, statistics=("top",)),
            "alpha must be from 1": lambda: attend.entmax(q, 0.5),
            "one shape": lambda: attend.expected_alignment(q, k),
            "form: 'int9' is not known, did you mean 'int8'": lambda: attend.PackedLinear(torch.nn.Linear(3, 3), "int9"),
        }
        for text, call in mistakes.items():
            with self.subTest(text), self.assertRaisesRegex(ValueError, text):
                call()

    def test_of_shapes_are_told_while_tracing(self):
        with torch.device("meta"):
            q, k, v = (torch.empty(2, 4, n, 8) for n in (5, 6, 7))
        with self.assertRaisesRegex(ValueError, "B, Hk, S or D differ"):
            torch.ops.attend.fused_attention(q, k, v)


class Library(Case):
    """One libtorch and one OpenMP in the process, and nothing that could meet the symbols of others."""

    FILE = pathlib.Path(attend.__file__).with_name("libattend_ops.so")

    def test_brings_no_second_runtime(self):
        loaded = {line.split()[-1] for line in open("/proc/self/maps") if ".so" in line}
        for name in ("libtorch_cpu", "libc10.", "libgomp", "libstdc++"):
            files = {pathlib.Path(path).resolve() for path in loaded if name in pathlib.Path(path).name}
            self.assertEqual(len(files), 1, f"{name}: {files}")
        needed = {line.split("[")[1].rstrip("]") for line in
                  subprocess.run(["readelf", "-d", self.FILE], capture_output=True, text=True, check=True).stdout.splitlines() if "(NEEDED)" in line}
        self.assertLessEqual({n.split(".so")[0] for n in needed},
                             {"libtorch_cpu", "libc10", "libstdc++", "libm", "libgcc_s", "libc", "ld-linux-x86-64", "ld-linux-aarch64"})

    def test_shows_no_symbols(self):
        shown = subprocess.run(["nm", "-D", "--defined-only", self.FILE], capture_output=True, text=True, check=True).stdout
        self.assertEqual(shown, "")


if __name__ == "__main__":
    main()
