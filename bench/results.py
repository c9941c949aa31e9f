#!/usr/bin/env python3
"""Writes docs/results.md from the number-only files under bench/results.

    python3 bench/results.py
"""
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench/results"
REAL = [("tatoeba-lstm", "Tatoeba en–zh, LSTM, additive"), ("tatoeba-lstm-none", "Tatoeba en–zh, the same without attention"),
        ("tatoeba-transformer", "Tatoeba en–zh, small Transformer"), ("multi30k-transformer", "Multi30k en–de, test 2016, small Transformer")]


def percent(x):
    return "" if x is None else f"{100 * x:.1f}"


def phrasebook(model, title):
    rows = [json.loads(path.read_text()) for path in sorted((RESULTS / "phrasebook").glob(f"{model}-*.json"))]
    if not rows:
        return []
    lines = [f"### {title}", "", "| mechanism | changes of the recipe | exact % | AER % | entropy, nat | parameters | processor minutes |", "|---|---|---|---|---|---|---|"]
    for r in sorted(rows, key=lambda r: -r["exact"]):
        changes = " ".join(f"`{c}`" for c in r["changes"])
        entropy = "" if r.get("entropy") is None else f"{r['entropy']:.2f}"
        lines.append(f"| {r['name']} | {changes} | {percent(r['exact'])} | {percent(r.get('aer'))} | {entropy} | {r['parameters']} | {r['cpu_minutes']:.1f} |")
    return lines + [""]


def real():
    lines = ["## Real data", "", "| data and model | BLEU | chrF | exact % | perplexity | parameters | minutes | config |", "|---|---|---|---|---|---|---|---|"]
    for name, title in REAL:
        path = RESULTS / f"{name}.json"
        if not path.exists():
            continue
        r = json.loads(path.read_text())
        t = r["test"]
        lines.append(f"| {title} | {t['bleu']:.2f} | {t['chrf']:.2f} | {percent(t['exact'])} | {t['perplexity']:.2f} | {r['parameters']} | "
                     f"{r['minutes']} | `{r['config']}` |")
    return lines + [""]


def speed():
    path = RESULTS / "train_speed.json"
    if not path.exists():
        return []
    r = json.loads(path.read_text())
    lines = ["## Training speed", "", f"{r['what']}; {r['machine']}, {r['threads']} threads, pairs of runs in turn.", "",
             "| batch × length | ratio, median (range) | attend, tok/s | peer, tok/s | attend, MiB | peer, MiB |", "|---|---|---|---|---|---|"]
    for s in r["shapes"]:
        lines.append(f"| {s['batch']} × {s['target']} | {s['ratio_median']:.2f} ({s['ratio_min']:.2f}–{s['ratio_max']:.2f}) | "
                     f"{s['attend_tokens_per_second']:.0f} | {s['peer_tokens_per_second']:.0f} | {s['attend_peak_mib']:.0f} | {s['peer_peak_mib']:.0f} |")
    return lines + [""]


def main():
    lines = ["# Results", "", "Made by `python3 bench/results.py` from the files under `bench/results`. Minutes are those of the run that made the file, on two shared cores.", "",
             "## Phrasebook: every mechanism in the same model", "",
             "Unseen combinations; AER against the gold links under forced decoding, argmax. `python3 bench/mechanisms.py` makes these.", ""]
    lines += phrasebook("rnn", "Recurrent (`configs/phrasebook.yaml`)") + phrasebook("transformer", "Transformer (`configs/phrasebook-transformer.yaml`)")
    lines += real() + speed()
    (ROOT / "docs/results.md").write_text("\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    main()
