#!/usr/bin/env python3
"""Training speed beside a plain PyTorch loop of the same model, paired: A B A B ...; prints the ratio's median and spread and
writes bench/results/train_speed-PROCESSOR-SET.json. Needs a Python with torch (bench/peers/README.md).

    python bench/train_speed.py --program build/release/attend_train_speed [--pairs 5]
"""
import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from machine import made, result_path, write_result

HERE = Path(__file__).resolve().parent
SHAPES = [{"batch": 128, "source": 16, "target": 16}, {"batch": 64, "source": 32, "target": 32}]


def last_json(command):
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default=str(HERE.parent / "build/release/attend_train_speed"))
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out")
    options = parser.parse_args()
    stamp = made(options.threads)
    result = {"what": "training, target tokens a second: attend / plain PyTorch loop, bi-LSTM 2x128 -> LSTM 512, additive, input feeding, V 8000",
              "threads": options.threads, "steps": options.steps, "shapes": []}
    for shape in SHAPES:
        ours, theirs = [], []
        for _ in range(options.pairs):
            own = [f"{key}={value}" for key, value in shape.items()]
            ours.append(last_json([options.program, *own, f"steps={options.steps}", f"threads={options.threads}"]))
            flags = [part for key, value in shape.items() for part in (f"--{key}", str(value))]
            theirs.append(last_json([options.python, str(HERE / "peers/train_lstm.py"), *flags, "--steps", str(options.steps),
                                     "--threads", str(options.threads)]))
        ratios = [a["tokens_per_second"] / b["tokens_per_second"] for a, b in zip(ours, theirs)]
        entry = {**shape, "ratio_median": statistics.median(ratios), "ratio_min": min(ratios), "ratio_max": max(ratios),
                 "attend_tokens_per_second": statistics.median(r["tokens_per_second"] for r in ours),
                 "peer_tokens_per_second": statistics.median(r["tokens_per_second"] for r in theirs),
                 "attend_peak_mib": max(r["peak_mib"] for r in ours), "peer_peak_mib": max(r["peak_mib"] for r in theirs),
                 "attend_parameters": ours[0]["parameters"], "peer_parameters": theirs[0]["parameters"], "peer_torch": theirs[0]["torch"]}
        result["isa"] = ours[0]["isa"]
        result["shapes"].append(entry)
        print(f"{shape['batch']} x {shape['target']}: {entry['ratio_median']:.2f} ({entry['ratio_min']:.2f} to {entry['ratio_max']:.2f}) times, "
              f"{entry['attend_tokens_per_second']:.0f} / {entry['peer_tokens_per_second']:.0f} tok/s, "
              f"{entry['attend_peak_mib']:.0f} / {entry['peer_peak_mib']:.0f} MiB")
    write_result(options.out or result_path("train_speed", result["isa"]), result, stamp)


if __name__ == "__main__":
    main()
