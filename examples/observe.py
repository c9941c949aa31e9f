# Trains one layer of attention to name the symbol three places back, with a bonus for the entropy of head 0, and prints what each head does.
import sys

import torch

import attend

STEPS, BONUS = int(sys.argv[1]) if len(sys.argv) > 1 else 300, 0.2
SYMBOLS, LENGTH, SIZE, HEADS, BACK = 8, 24, 32, 4, 3
torch.manual_seed(1)


class Layer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.symbols, self.places = torch.nn.Embedding(SYMBOLS, SIZE), torch.nn.Embedding(LENGTH, SIZE)
        self.project, self.out = torch.nn.Linear(SIZE, 3 * SIZE), torch.nn.Linear(SIZE, SYMBOLS)

    def forward(self, tokens):
        x = self.symbols(tokens) + self.places.weight  # [B, T, N]
        q, k, v = self.project(x).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)  # [B, H, T, D] each
        seen = attend.fused_attention(q, k, v, causal=True, statistics=("entropy", "maximum", "column_sums"))
        return self.out(seen.context.transpose(1, 2).flatten(2)), seen


layer = Layer()
optimiser = torch.optim.Adam(layer.parameters(), lr=1e-2)
for step in range(STEPS):
    tokens = torch.randint(SYMBOLS, (32, LENGTH))  # [B, T]
    logits, seen = layer(tokens)
    loss = torch.nn.functional.cross_entropy(logits[:, BACK:].flatten(0, 1), tokens[:, :-BACK].flatten())
    (loss - BONUS * seen.entropy[:, 0].mean()).backward()  # statistics have gradients
    optimiser.step()
    optimiser.zero_grad()

right = (logits[:, BACK:].argmax(-1) == tokens[:, :-BACK]).float().mean()
print(f"loss {loss:.3f}, {100 * right:.0f} % right")
print("head  entropy  largest weight  three places back  most read place")
for head in range(HEADS):
    back = (torch.arange(LENGTH) - seen.argmax[:, head])[:, BACK:] == BACK  # where the largest weight lies
    print(f"{head:4}  {seen.entropy[:, head].mean():7.3f}  {seen.maximum[:, head].mean():14.3f}  {100 * back.float().mean():15.0f} %  "
          f"{seen.column_sums[:, head].mean(0).argmax():15}")
