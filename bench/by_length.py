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
    left, top, width, height = 80, 56, 464, 260
    shortest = result["lengths"][0]

    def x(length):
        return left + width * (length - shortest) / (LONGEST - shortest)

    def y(share):
        return top + height * (1 - share)

    lines = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 380" width="640" height="380" role="img" font-family="sans-serif" font-size="13">',
             "<title>Sequences reversed without a mistake, by length: with additive attention and without attention</title>",
             '<rect width="640" height="380" fill="#ffffff"/>',
             f'<text x="{left}" y="28" font-size="16" font-weight="bold" fill="#1a2230">Sequences reversed without a mistake, by length</text>']
    middle = top + height / 2
    lines.append(f'<text x="16" y="{middle}" text-anchor="middle" fill="#1a2230" transform="rotate(-90 16 {middle})">test sequences right</text>')
    for percent in range(0, 101, 25):
        at = y(percent / 100)
        lines.append(f'<line x1="{left}" x2="{left + width}" y1="{at:.1f}" y2="{at:.1f}" stroke="#dde1e7"/>')
        lines.append(f'<text x="{left - 8}" y="{at + 4:.1f}" text-anchor="end" fill="#5b6472">{percent} %</text>')
    for length in [shortest, *range(5, LONGEST + 1, 5)]:
        lines.append(f'<text x="{x(length):.1f}" y="{top + height + 20}" text-anchor="middle" fill="#5b6472">{length}</text>')
    lines.append(f'<text x="{left + width / 2}" y="{top + height + 44}" text-anchor="middle" fill="#1a2230">symbols in the sequence</text>')
    for name, colour in MODELS.items():
        shares = result["exact"][name]
        points = " ".join(f"{x(n):.1f},{y(s):.1f}" for n, s in zip(result["lengths"], shares))
        lines.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.5" stroke-linejoin="round"/>')
        label = "no attention" if name == "none" else name
        lines.append(f'<text x="{left + width + 8}" y="{y(shares[-1]) + 4:.1f}" fill="{colour}">{label}</text>')
    PICTURE.write_text("\n".join([*lines, "</svg>"]) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/release/attend"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--draw-only", action="store_true", help="the picture alone, from the committed figures")
    options = parser.parse_args()
    if not options.draw_only:
        data = RUNS / "data"
        subprocess.run([options.program, "data", "reverse", "--out", str(data), "--pairs", "20000", "--maximum-length", str(LONGEST), "--quiet"], check=True)
        result = {"task": f"reverse, 1 to {LONGEST} of 26 symbols; no sequence of one is left for testing", "recipe": RECIPE, "lengths": [], "sequences": [], "exact": {}, "parameters": {}}
        for attention in MODELS:
            run = train(options, data, attention)
            shares, result["sequences"] = exact_by_length(options, run, data / "test.tsv")
            info = subprocess.run([options.program, "info", str(run)], check=True, capture_output=True, text=True).stdout
            result["lengths"], result["exact"][attention] = list(shares), list(shares.values())
            result["parameters"][attention] = next(int(line.split()[1]) for line in info.splitlines() if line.startswith("parameters"))
        RESULT.write_text(json.dumps(result, indent=2) + "\n")
    result = json.loads(RESULT.read_text())
    print("length  " + "  ".join(f"{name:>9}" for name in MODELS))
    for i, length in enumerate(result["lengths"]):
        print(f"{length:6}  " + "  ".join(f"{100 * result['exact'][name][i]:7.1f} %" for name in MODELS))
    draw(result)


if __name__ == "__main__":
    main()
