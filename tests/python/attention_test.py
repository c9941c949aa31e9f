"""Attention in Python, judged by the plain composition in float64, by PyTorch's own attention, and by differences."""
import math

import torch
from cases import ALL, DV, WITH_GRADIENTS, B, D, H, S, T, cases, hidden_bias, in_double, sources
from support import Case, main, plain_attention, plain_weights, waves
from torch.autograd import gradcheck

import attend


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


if __name__ == "__main__":
    main()
