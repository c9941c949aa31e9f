"""torch.ops.attend and the package `attend`, judged by the plain composition in float64, by PyTorch's own attention, and by PyTorch's checks of
operators and gradients."""
import math
import pathlib
import subprocess
import sysconfig
import unittest

import torch
from support import Case, main, plain_attention, plain_weights, waves
from torch.autograd import gradcheck
from torch.library import opcheck

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


class Attention(Case):
    def test_equals_the_plain_composition(self):
        for name, options in cases().items():
            with self.subTest(name):
                got, wanted = attend.fused_attention(*sources(), **options, **ALL), plain_attention(*sources(), top=3, pool=(2, 3),
                                                                                                  rows=ALL["rows"], **options)
                for what in attend.FusedAttention._fields:
                    self.assert_near(getattr(got, what), wanted[what], 1e-12, f"{name}: {what}")

    def test_rounds_as_its_numbers_do(self):
        for dtype, within in ((torch.float32, 5e-6), (torch.bfloat16, 2e-2)):
            for name, options in cases(dtype).items():
                with self.subTest(f"{dtype} {name}"):
                    given = sources(dtype)
                    got = attend.fused_attention(*given, **options, statistics=attend.STATISTICS)
                    wanted = plain_attention(*(x.double() for x in given), **in_double(options))
                    self.assertEqual(got.context.dtype, dtype)
                    self.assertEqual(got.lse.dtype, torch.float32)
                    for what in WITH_GRADIENTS:
                        self.assert_near(getattr(got, what), wanted[what], within, f"{name}: {what}")

    def test_equals_pytorchs_attention(self):
        q, k, v = waves(B, H, 65, 16, dtype=torch.float32), waves(B, H, 65, 16, phase=1, dtype=torch.float32), waves(B, H, 65, 16, phase=2, dtype=torch.float32)
        theirs = torch.nn.functional.scaled_dot_product_attention
        self.assert_near(attend.fused_attention(q, k, v).context, theirs(q, k, v), 2e-6)
        self.assert_near(attend.fused_attention(q, k, v, causal=True).context, theirs(q, k, v, is_causal=True), 2e-6)
        self.assert_near(attend.fused_attention(q, k[:, :2], v[:, :2]).context, theirs(q, k[:, :2], v[:, :2], enable_gqa=True), 2e-6)

    def test_gradients_equal_those_of_the_plain_composition(self):
        for name, options in cases(grad=True).items():
            with self.subTest(name):
                given = sources(grad=True)
                tracked = [x for x in (*given, *options.values()) if isinstance(x, torch.Tensor) and x.requires_grad]

                def flow(outputs, names=WITH_GRADIENTS):
                    loss = 0
                    for i, what in enumerate(names):
                        x = outputs[what] if isinstance(outputs, dict) else getattr(outputs, what)
                        x = torch.where(x.detach().isfinite(), x, 0.0)  # lse of empty rows
                        loss = loss + (x * waves(*x.shape, phase=10 + i)).sum()
                    return torch.autograd.grad(loss, tracked)

                got = flow(attend.fused_attention(*given, **options, statistics=attend.STATISTICS))
                for g, w in zip(got, flow(plain_attention(*given, **options))):
                    self.assert_near(g, w, 1e-11, name)

    def test_gradcheck(self):
        torch.manual_seed(1)  # fast_mode looks along random directions; each number by itself in one small call
        small = [waves(1, 2, 3, 2, phase=p, grad=True) for p in range(3)]
        self.assertTrue(gradcheck(lambda q, k, v: attend.fused_attention(q, k, v, causal=True, statistics=attend.STATISTICS)[:5], small))
        for name, options in {**cases(grad=True), "dropout": dict(dropout=0.4, drop_keys=attend.dropout_keys(sources()[0], 7))}.items():
            if name in ("nothing to read", "causal window, lengths"):
                continue  # lse is −inf there, which has no differences
            with self.subTest(name):
                tracked = [n for n, x in options.items() if isinstance(x, torch.Tensor) and x.requires_grad]
                fixed = {n: x for n, x in options.items() if n not in tracked}

                def call(q, k, v, *rest):
                    out = attend.fused_attention(q, k, v, **fixed, **dict(zip(tracked, rest)), statistics=attend.STATISTICS)
                    return [getattr(out, what) for what in WITH_GRADIENTS]

                key_heads = H if "energy" in options else 2
                self.assertTrue(gradcheck(call, (*sources(grad=True, key_heads=key_heads), *(options[n] for n in tracked)), fast_mode=True))

    def test_rows_that_see_nothing_are_zeros(self):
        given = sources(grad=True)
        bias = hidden_bias(torch.float64).requires_grad_()
        out = attend.fused_attention(*given, bias=bias, **ALL)
        self.assertEqual(out.context[:, :, 2].abs().sum(), 0)
        self.assertEqual(set(out.argmax[:, :, 2].flatten().tolist()), {-1})
        out.context.sum().backward()
        self.assertEqual(given[0].grad[:, :, 2].abs().sum(), 0)
        self.assertEqual(bias.grad[:, :, 2].abs().sum(), 0)
        self.assertGreater(bias.grad[:, :, 3].abs().sum(), 0)

    def test_what_a_mask_hides_never_leaks(self):
        q, k, v = sources(grad=True)
        with torch.no_grad():
            k[:, :, 5:], v[:, :, 5:] = math.nan, math.inf
        out = attend.fused_attention(q, k, v, key_lengths=torch.tensor([5, 4]), statistics=attend.STATISTICS)
        (out.context.sum() + out.entropy.sum()).backward()
        for x in (out.context, q.grad, k.grad, v.grad):
            self.assertTrue(x.isfinite().all())

    def test_takes_any_strides(self):
        q, k, v = (x.transpose(1, 2).contiguous().transpose(1, 2)[..., ::1] for x in sources())
        self.assertTrue(torch.equal(attend.fused_attention(q, k, v).context, attend.fused_attention(*sources()).context))
        odd = [torch.stack((x, x), -1).flatten(-2)[..., ::2].detach().requires_grad_() for x in sources()]
        out = attend.fused_attention(*odd, by_distance=waves(5, H).t(), key_lengths=torch.tensor([7, 0, 4, 0])[::2])
        wanted = plain_attention(*sources(), by_distance=waves(5, H).t(), key_lengths=torch.tensor([7, 4]))
        self.assert_near(out.context, wanted["context"], 1e-12)
        out.context.mT.sum().backward()
        self.assertEqual(odd[0].grad.shape, odd[0].shape)

    def test_bits_do_not_depend_on_threads_or_statistics(self):
        q, k, v = (waves(1, 2, 200, 32, phase=p, dtype=torch.float32, grad=True) for p in range(3))

        def bits(threads, **asked):
            torch.set_num_threads(threads)
            out = attend.fused_attention(q, k, v, causal=True, **asked)
            return [out.context, *torch.autograd.grad(out.context.square().sum(), (q, k, v))]

        before = torch.get_num_threads()
        first = bits(1)
        for other in (bits(2), bits(4, statistics=attend.STATISTICS, top=4)):
            for a, b in zip(first, other):
                self.assertTrue(torch.equal(a, b))
        torch.set_num_threads(before)

    def test_a_tile_of_the_weights(self):
        q, k, v = sources()
        lse = attend.fused_attention(q, k, v, causal=True, statistics=("lse",)).lse
        tile = attend.fused_weights(q.requires_grad_(), k, lse, rows=(1, 4), keys=(2, 7), causal=True)
        self.assertFalse(tile.requires_grad)
        self.assert_near(tile, plain_weights(q, k, causal=True)[0][:, :, 1:4, 2:7], 1e-12)

    def test_asks_for_no_more_than_was_asked(self):
        out = attend.fused_attention(*sources(), statistics=("entropy",))
        self.assertEqual([n for n, x in out._asdict().items() if x is not None], ["context", "entropy"])


class Dropout(Case):
    RATE = 0.3

    def dropped(self, drop_keys, size=64):
        q, k, one = waves(2, 2, size, 8), waves(2, 2, size, 8, phase=1), torch.eye(size, dtype=torch.float64).expand(2, 2, size, size)
        return attend.fused_attention(q, k, one, dropout=self.RATE, drop_keys=drop_keys).context, plain_weights(q, k)[0]

    def test_drops_at_its_rate_and_scales_what_stays(self):
        keys = attend.dropout_keys(waves(2, 2, 64, 8), 3)
        got, weights = self.dropped(keys)
        stays = got != 0
        self.assert_near(got, torch.where(stays, weights / (1 - self.RATE), 0.0), 1e-12)
        spread = math.sqrt(self.RATE * (1 - self.RATE) / got.numel())
        self.assertLess(abs(1 - stays.double().mean().item() - self.RATE), 5 * spread)
        self.assertTrue(torch.equal(got, self.dropped(keys)[0]))
        self.assertFalse(torch.equal(stays[0], stays[1]))

    def test_a_seed_says_the_same_of_every_batch(self):
        one, two = (attend.dropout_keys(waves(n, 2, 9, 8), 11) for n in (1, 3))
        self.assertTrue(torch.equal(one[0], two[0]))
        self.assertEqual(two.unique().numel(), two.numel())
        self.assertFalse(torch.equal(one, attend.dropout_keys(waves(1, 2, 9, 8), 12)))

    def test_draws_from_pytorchs_generator(self):
        torch.manual_seed(5)
        first, second = self.dropped(None)[0], self.dropped(None)[0]
        torch.manual_seed(5)
        self.assertTrue(torch.equal(first, self.dropped(None)[0]))
        self.assertFalse(torch.equal(first, second))


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


class Gradients(Case):
    def test_second_derivatives_are_refused_when_asked_for(self):
        q, k, v = sources(grad=True)
        first = torch.autograd.grad(attend.fused_attention(q, k, v).context.sum(), q, create_graph=True)[0]
        with self.assertRaisesRegex(NotImplementedError, "second derivatives"):
            first.sum().backward()
        scores = waves(3, 5, grad=True)
        first = torch.autograd.grad(attend.entmax15(scores).square().sum(), scores, create_graph=True)[0]
        with self.assertRaisesRegex(NotImplementedError, "second derivatives"):
            first.sum().backward()

    def test_notices_a_source_that_was_written_to(self):
        q, k, v = (x * 1 for x in sources(grad=True))
        out = attend.fused_attention(q, k, v).context
        k.mul_(2)
        with self.assertRaisesRegex(RuntimeError, "modified by an inplace operation"):
            out.sum().backward()

    def test_flows_to_those_alone_that_want_it(self):
        q, k, v = sources()
        bias = waves(T, S, grad=True)
        attend.fused_attention(q, k, v, bias=bias).context.sum().backward()
        self.assertEqual(bias.grad.shape, (T, S))
        self.assertIsNone(k.grad)
        with torch.no_grad():
            self.assertFalse(attend.fused_attention(q, k, v, bias=bias).context.requires_grad)

    def test_a_graph_is_kept_for_two_passes_when_asked(self):
        q, k, v = sources(grad=True)
        loss = attend.fused_attention(q, k, v).context.sum()
        loss.backward(retain_graph=True)
        once = q.grad.clone()
        loss.backward()
        self.assert_near(q.grad, 2 * once, 0)
        with self.assertRaises(RuntimeError):
            loss.backward()


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
