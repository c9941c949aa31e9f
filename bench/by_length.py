#!/usr/bin/env python3
"""What attention is for: the task reverse (attend data reverse), learned with additive attention and without any, and the share of test
sequences that each gets right by their length. Writes bench/results/by_length.json and docs/images/by_length.svg.

    python3 bench/by_length.py [--program build/release/attend] [--threads 1] [--draw-only]
"""
import argparse
import json
import subprocess
from collections import defaultdict
from pathlib import Path

from chart import line_chart
from machine import made, parameters_of, write_result

ROOT = Path(__file__).resolve().parent.parent
RUNS = ROOT / "runs/by-length"
RESULT, PICTURE = ROOT / "bench/results/by_length.json", ROOT / "docs/images/by_length.svg"
LONGEST = 20
RECIPE = ["text.source.kind=words", "text.target.kind=words", "model.cell=gru", "model.embedding=64", "model.encoder_hidden=96", "model.hidden=192",
          "model.dropout=0", "model.bridge=linear", "train.batch_by=sentences", "train.batch_size=64", "train.epochs=0", "train.steps=3000",
          "train.rate=0.004", "train.schedule=cosine", "train.warmup=100", "train.label_smoothing=0", "train.metric=exact",
          "train.validate_every=500"]
MODELS = {"additive": "#1b4f9c", "none": "#c2571a"}  # and the colours of their lines


def train(options, data, attention):
    out = RUNS / attention
    subprocess.run(["rm", "-rf", str(out)], check=True)
    own = [f"data.tsv={data}/train.tsv", f"data.dev_tsv={data}/dev.tsv", f"train.out={out}", f"model.attention={attention}", *RECIPE]
    subprocess.run([options.program, "train", *[flag for change in own for flag in ("--set", change)], "--threads", str(options.threads)], check=True)
    return out


def exact_by_length(options, run, test):
    pairs = [line.split("\t")[:2] for line in test.read_text().splitlines()]
    given = subprocess.run([options.program, "translate", str(run), "--max-length-ratio", "1", "--max-length-extra", "5", "--threads",
                            str(options.threads)], input="".join(source + "\n" for source, _ in pairs), check=True, capture_output=True,
                           text=True).stdout.splitlines()
    right, all_ = defaultdict(int), defaultdict(int)
    for (source, target), output in zip(pairs, given, strict=True):
        length = len(source.split())
        all_[length] += 1
        right[length] += output == target
    return {n: round(right[n] / all_[n], 4) for n in sorted(all_)}, [all_[n] for n in sorted(all_)]


def draw(result):
    line_chart(PICTURE, "Sequences reversed without a mistake, by length",
               "Sequences reversed without a mistake, by length: with additive attention and without attention",
               result["lengths"], "symbols in the sequence", [result["lengths"][0], *range(5, LONGEST + 1, 5)],
               "test sequences right", [(percent / 100, f"{percent} %") for percent in range(0, 101, 25)],
               [("no attention" if name == "none" else name, colour, result["exact"][name]) for name, colour in MODELS.items()])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/release/attend"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--draw-only", action="store_true", help="the picture alone, from the committed figures")
    options = parser.parse_args()
    if not options.draw_only:
        stamp = made(options.threads)
        data = RUNS / "data"
        subprocess.run([options.program, "data", "reverse", "--out", str(data), "--pairs", "20000", "--maximum-length", str(LONGEST), "--quiet"], check=True)
        result = {"task": f"reverse, 1 to {LONGEST} of 26 symbols; no sequence of one is left for testing", "recipe": RECIPE, "lengths": [], "sequences": [], "exact": {}, "parameters": {}}
        for attention in MODELS:
            run = train(options, data, attention)
            shares, result["sequences"] = exact_by_length(options, run, data / "test.tsv")
            result["lengths"], result["exact"][attention] = list(shares), list(shares.values())
            result["parameters"][attention] = parameters_of(options.program, run)
        write_result(RESULT, result, stamp)
    result = json.loads(RESULT.read_text())
    print("length  " + "  ".join(f"{name:>9}" for name in MODELS))
    for i, length in enumerate(result["lengths"]):
        print(f"{length:6}  " + "  ".join(f"{100 * result['exact'][name][i]:7.1f} %" for name in MODELS))
    draw(result)


if __name__ == "__main__":
    main()
