"""What the tests in Python share: the plain composition in float64, the order of tests, the words that tools/check_breaks reads."""
import fnmatch
import math
import os
import sys
import unittest

import torch


def waves(*sizes, phase=0.0, dtype=torch.float64, grad=False):
    """Numbers without a generator: cos of a count, [*sizes]."""
    count = torch.arange(math.prod(sizes), dtype=torch.float64)
    return torch.cos(1.7 * count + phase).view(sizes).to(dtype).requires_grad_(grad)


def plain_weights(query, key, *, causal=False, window=None, scale=None, query_lengths=None, key_lengths=None, keep=None, bias=None,
                  slopes=None, by_distance=None, first_steps=None, score="product", energy=None):
    """(weights, scores) [B, H, T, S] by tensor operations alone, from the definitions in docs/guide/python.md."""
    B, H, T, D = query.shape
    S = key.shape[2]
    key = key.repeat_interleave(H // key.shape[1], 1)
    if score == "product":
        scores = query @ key.mT * (1 / math.sqrt(D) if scale is None else scale)
    else:
        f = torch.tanh if score == "tanh" else torch.relu
        hidden = f(query.unsqueeze(3) + key.unsqueeze(2))  # [B, H, T, S, D]
        scores = (hidden * energy.view(1, H, 1, 1, D)).sum(-1) * (1 if scale is None else scale)
    t, s = torch.arange(T).view(1, 1, T, 1), torch.arange(S).view(1, 1, 1, S)
    last = torch.full((B, 1, 1, 1), S) if key_lengths is None else key_lengths.view(B, 1, 1, 1)
    if query_lengths is not None:
        rows = query_lengths.view(B, 1, 1, 1)
    else:
        rows = last if causal and T == S and key_lengths is not None else torch.full((B, 1, 1, 1), T)
    place = t + last - rows  # [B, 1, T, 1]
    step = place if first_steps is None else t + first_steps.view(B, 1, 1, 1)
    if slopes is not None:
        scores = scores - slopes.to(scores.dtype).view(1, H, 1, 1) * (s - step).abs()
    if by_distance is not None:
        far = by_distance.shape[1] // 2
        scores = scores + torch.gather(by_distance.view(1, H, 1, -1).expand(B, H, T, -1), 3,
                                       ((s - step).clamp(-far, far) + far).expand(B, H, T, S))
    if bias is not None:
        scores = scores + bias
    left, right = (window, window) if isinstance(window, int) else (None, None) if window is None else window
    right = 0 if causal else right
    sees = ((s < last) & (t < rows)).expand(B, H, T, S)
    if left is not None:
        sees = sees & (s >= place - left)
    if right is not None:
        sees = sees & (s <= place + right)
    if keep is not None:
        sees = sees & keep
    sees = sees & (scores.detach() > -math.inf)
    hidden = scores.masked_fill(~sees, -math.inf)
    empty = ~sees.any(-1, keepdim=True)
    weights = torch.softmax(hidden.masked_fill(empty, 0.0), -1).masked_fill(~sees, 0.0)
    return weights, hidden


def plain_attention(query, key, value, top=0, pool=None, rows=None, **options):
    """What attend.fused_attention gives, with every statistic, as a dict."""
    weights, scores = plain_weights(query, key, **options)
    H = query.shape[1]
    out = {"context": weights @ value.repeat_interleave(H // value.shape[1], 1), "lse": torch.logsumexp(scores, -1)}
    out["entropy"] = -torch.where(weights > 0, weights * torch.log(weights.clamp_min(1e-300)), 0.0).sum(-1)
    out["maximum"], out["argmax"] = weights.max(-1)
    out["argmax"] = out["argmax"].masked_fill(out["maximum"] == 0, -1)
    out["column_sums"] = weights.sum(2)
    if top:
        out["top_weights"], out["top_keys"] = weights.topk(top)
        out["top_keys"] = out["top_keys"].masked_fill(out["top_weights"] == 0, -1)
    if pool:
        T, S = weights.shape[2:]
        blocks = [[weights[:, :, i : i + pool[0], j : j + pool[1]].flatten(2) for j in range(0, S, pool[1])] for i in range(0, T, pool[0])]
        out["pooled_mean"] = torch.stack([torch.stack([b.mean(-1) for b in row], -1) for row in blocks], -2)
        out["pooled_max"] = torch.stack([torch.stack([b.amax(-1) for b in row], -1) for row in blocks], -2)
    if rows is not None:
        out["rows"] = weights[:, :, rows]
    return out


class Case(unittest.TestCase):
    def assert_near(self, got, wanted, within, what=""):
        self.assertEqual(got.shape, wanted.shape, what)
        same = (got == wanted) | (got.isnan() & wanted.isnan())  # infinities
        error = torch.where(same, 0.0, (got.double() - wanted.double()).abs())
        self.assertLessEqual(error.max().item() if error.numel() else 0.0, within, what)


def main():
    """Runs the tests of the calling file that GTEST_FILTER names, as 'Class.test_name' with * and ?, all without it."""
    wanted = os.environ.get("GTEST_FILTER", "*").split(":")
    loader = unittest.TestLoader()
    suite = unittest.TestSuite()
    for group in loader.loadTestsFromModule(sys.modules["__main__"]):
        for test in group:
            if any(fnmatch.fnmatchcase(test.id().removeprefix("__main__."), pattern) for pattern in wanted):
                suite.addTest(test)
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=1, buffer=False).run(suite)
    passed = result.testsRun - len(result.failures) - len(result.errors) - len(result.skipped)
    print(f"[  PASSED  ] {passed} tests.")
    sys.exit(0 if result.wasSuccessful() else 1)
