"""A plain PyTorch training loop of the model that bench/train_speed times: bi-LSTM encoder, LSTM decoder with additive
attention and input feeding. Written as a careful PyTorch user would: packed encoder, keys projected once a batch, one product
for the output layer over all steps, fused Adam. Prints one JSON line a run: target tokens a second and peak memory.

    python bench/peers/train_lstm.py --batch 128 --target 16
"""
import argparse
import json
import resource
import time

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class Seq2Seq(nn.Module):
    def __init__(self, vocabulary, embedding, encoder_hidden, hidden, dropout):
        super().__init__()
        keys = 2 * encoder_hidden
        self.source_embedding = nn.Embedding(vocabulary, embedding, padding_idx=1)
        self.target_embedding = nn.Embedding(vocabulary, embedding, padding_idx=1)
        self.encoder = nn.LSTM(embedding, encoder_hidden, bidirectional=True, batch_first=True)
        self.bridge_h = nn.Linear(keys, hidden)
        self.bridge_c = nn.Linear(keys, hidden)
        self.cell = nn.LSTMCell(embedding + hidden, hidden)
        self.query_layer = nn.Linear(hidden, keys, bias=False)
        self.key_layer = nn.Linear(keys, keys, bias=False)
        self.energy_layer = nn.Linear(keys, 1, bias=False)
        self.readout = nn.Linear(keys + hidden, hidden)
        self.output = nn.Linear(hidden, vocabulary)
        self.dropout = nn.Dropout(dropout)
        self.hidden = hidden

    def forward(self, source, lengths, inputs):
        packed = pack_padded_sequence(self.dropout(self.source_embedding(source)), lengths, batch_first=True, enforce_sorted=False)
        states, (last, _) = self.encoder(packed)
        states, _ = pad_packed_sequence(states, batch_first=True, total_length=source.size(1))
        last = torch.cat([last[0], last[1]], -1)
        h, c = torch.tanh(self.bridge_h(last)), torch.tanh(self.bridge_c(last))
        keys = self.key_layer(states)
        hidden_positions = torch.arange(source.size(1)).unsqueeze(0) >= lengths.unsqueeze(1)
        embedded = self.dropout(self.target_embedding(inputs))
        feed = torch.zeros(source.size(0), self.hidden)
        outputs = []
        for t in range(inputs.size(1)):
            h, c = self.cell(torch.cat([embedded[:, t], feed], -1), (h, c))
            energies = self.energy_layer(torch.tanh(keys + self.query_layer(h).unsqueeze(1))).squeeze(-1)
            weights = F.softmax(energies.masked_fill(hidden_positions, float("-inf")), -1)
            context = torch.bmm(weights.unsqueeze(1), states).squeeze(1)
            feed = torch.tanh(self.readout(self.dropout(torch.cat([context, h], -1))))
            outputs.append(feed)
        return self.output(torch.stack(outputs, 1))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--source", type=int, default=16)
    parser.add_argument("--target", type=int, default=16)
    parser.add_argument("--vocabulary", type=int, default=8000)
    parser.add_argument("--embedding", type=int, default=256)
    parser.add_argument("--encoder-hidden", type=int, default=128)
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    model = Seq2Seq(options.vocabulary, options.embedding, options.encoder_hidden, options.hidden, 0.3)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    source = torch.randint(4, options.vocabulary, (options.batch, options.source))
    lengths = torch.randint(options.source // 2, options.source + 1, (options.batch,))
    targets = torch.randint(4, options.vocabulary, (options.batch, options.target))
    inputs = torch.cat([torch.full((options.batch, 1), 2), targets[:, :-1]], 1)

    def update():
        optimiser.zero_grad(set_to_none=True)
        logits = model(source, lengths, inputs)
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), label_smoothing=0.1)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        return loss.item()

    for _ in range(options.warmup):
        update()
    start = time.perf_counter()
    for _ in range(options.steps):
        loss = update()
    seconds = time.perf_counter() - start
    print(json.dumps({"tokens_per_second": options.steps * targets.numel() / seconds, "loss": loss,
                      "parameters": sum(p.numel() for p in model.parameters()),
                      "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "torch": torch.__version__}))


if __name__ == "__main__":
    main()
