#!/usr/bin/env python3
"""Trains a committed configuration on real data, evaluates it on the test set and writes bench/results/NAME.json: numbers only.

    export ATTEND_DATA=...     the folder with tatoeba-en-zh, multi30k, ...
    python3 bench/acceptance.py tatoeba-lstm [--resume] [--program build/release/attend]
"""
import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = {
    "tatoeba-lstm": ("tatoeba-en-zh/test.en", "tatoeba-en-zh/test.zh", ["--bleu-tokenizer", "zh"]),
    "tatoeba-lstm-none": ("tatoeba-en-zh/test.en", "tatoeba-en-zh/test.zh", ["--bleu-tokenizer", "zh"]),
    "tatoeba-transformer": ("tatoeba-en-zh/test.en", "tatoeba-en-zh/test.zh", ["--bleu-tokenizer", "zh"]),
    "multi30k-transformer": ("multi30k/test_2016_flickr.en", "multi30k/test_2016_flickr.de", ["--bleu-tokenizer", "13a", "--lowercase"]),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=sorted(TESTS))
    parser.add_argument("--program", default=str(ROOT / "build/release/attend"))
    parser.add_argument("--resume", action="store_true", help="go on with runs/NAME where it stopped")
    parser.add_argument("--threads", type=int, default=0, help="processor threads; 0 is one a core")
    parser.add_argument("--evaluate-only", action="store_true", help="runs/NAME is there already")
    options = parser.parse_args()
    data = os.environ.get("ATTEND_DATA") or sys.exit("acceptance: ATTEND_DATA is not set: the folder with the real data")
    run = ROOT / "runs" / options.name
    if not options.evaluate_only:
        command = [options.program, "train", str(ROOT / "configs" / f"{options.name}.yaml"), "--set", f"train.out={run}", "--threads", str(options.threads)]
        subprocess.run(command + (["--resume"] if options.resume else []), check=True)
    source, target, flags = TESTS[options.name]
    report = run / "test.json"
    subprocess.run([options.program, "evaluate", str(run), "--source", f"{data}/{source}", "--target", f"{data}/{target}", "--json", str(report),
                    "--output", str(run / "test.out"), "--threads", str(options.threads), *flags], check=True)
    figures = json.loads(report.read_text())
    metrics = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    info = subprocess.run([options.program, "info", str(run)], check=True, capture_output=True, text=True).stdout
    parameters = next(int(line.split()[1]) for line in info.splitlines() if line.startswith("parameters"))
    best = max(metrics, key=lambda m: m["bleu"])
    result = {"config": f"configs/{options.name}.yaml", "test": {k: figures[k] for k in ("bleu", "bleu_signature", "chrf", "chrf_signature", "exact",
              "perplexity", "beam", "sentences")}, "dev_bleu_best": best["bleu"], "updates": metrics[-1]["step"],
              "minutes": round(metrics[-1]["seconds"] / 60, 1), "threads": options.threads or os.cpu_count(), "parameters": parameters, "test_seconds": round(figures["seconds"], 1)}
    out = ROOT / "bench" / "results" / f"{options.name}.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(result, indent=2) + "\n")
    print(out.read_text(), end="")


if __name__ == "__main__":
    main()
