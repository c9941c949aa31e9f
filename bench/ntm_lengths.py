#!/usr/bin/env python3
"""How far a neural Turing machine copies beyond the lengths that it was trained at: sequences of random bit vectors copied without a
mistake, by their length (Graves, Wayne & Danihelka 2014, figure 4). Writes bench/results/ntm_lengths.json.

    python3 bench/acceptance.py ntm-copy
    python3 bench/ntm_lengths.py [--program build/release/attend] [--run runs/ntm-copy] [--threads 1]
"""
import argparse
import json
import subprocess
import tempfile
from pathlib import Path

from machine import made, write_result

ROOT = Path(__file__).resolve().parent.parent
LENGTHS, TRAINED, COUNT = [10, 20, 30, 40, 60, 80, 120], 20, 100


def measure(options, folder, length):
    data = f"{folder}/{length}"
    subprocess.run([options.program, "data", "bits", "--out", data, "--pairs", str(10 * COUNT), "--minimum-length", str(length), "--maximum-length",
                    str(length), "--seed", "2", "--quiet"], check=True)
    subprocess.run([options.program, "evaluate", options.run, "--tsv", f"{data}/test.tsv", "--bleu-tokenizer", "none", "--json", f"{folder}/figures",
                    "--output", f"{folder}/out", "--threads", str(options.threads)], check=True, stdout=subprocess.DEVNULL)
    exact = json.loads(Path(f"{folder}/figures").read_text())["exact"]
    wrong = vectors = 0
    for line, output in zip(Path(f"{data}/test.tsv").read_text().splitlines(), Path(f"{folder}/out").read_text().splitlines(), strict=True):
        target, got = line.split("\t")[1].split(), output.split()
        vectors += len(target)
        wrong += sum(a != b for a, b in zip(target, got)) + abs(len(target) - len(got))
    return {"length": length, "exact": exact, "vectors_wrong": round(min(1, wrong / vectors), 4)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/release/attend"))
    parser.add_argument("--run", default=str(ROOT / "runs/ntm-copy"))
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    stamp = made(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        rows = [measure(options, folder, length) for length in LENGTHS]
    write_result(ROOT / "bench/results/ntm_lengths.json", {"trained_up_to": TRAINED, "sequences": COUNT, "lengths": rows}, stamp)
    for row in rows:
        print(f"length {row['length']:4}  exact {100 * row['exact']:5.1f} %  vectors wrong {100 * row['vectors_wrong']:.2f} %")


if __name__ == "__main__":
    main()
