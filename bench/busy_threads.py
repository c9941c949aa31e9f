#!/usr/bin/env python3
"""What a busy neighbour costs: 150 updates of configs/phrasebook.yaml with one thread and with the default, on a quiet machine and beside
one process that never rests; and on the quiet machine with libgomp's own long waits (GOMP_SPINCOUNT=300000, what it takes by itself).
Pairs of runs in turn (five, or --pairs), medians and spread of the ratios; writes bench/results/busy_threads.json. Nothing else should run
meanwhile.

    build/release/attend data phrasebook --out demo/data
    python3 bench/busy_threads.py [--program build/release/attend] [--pairs 5]
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import made, write_result

ROOT = Path(__file__).resolve().parent.parent


def seconds(program, threads, environment):
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "train", str(ROOT / "configs/phrasebook.yaml"), "--quiet", "--set", f"train.out={folder}/run"]
        for setting in ("steps=150", "validate_every=150", "validate_pairs=10"):
            command += ["--set", f"train.{setting}"]
        start = time.monotonic()
        subprocess.run(command + (["--threads", str(threads)] if threads else []), cwd=ROOT, env={**os.environ, **environment}, check=True,
                       stdout=subprocess.DEVNULL)
        return time.monotonic() - start


def compare(program, pairs, name, first, second):
    """Both in turn; each is (threads, environment)."""
    a, b = [], []
    for _ in range(pairs):
        a.append(seconds(program, *first))
        b.append(seconds(program, *second))
    ratios = [y / x for x, y in zip(a, b)]
    entry = {"what": name, "seconds": [round(statistics.median(a), 2), round(statistics.median(b), 2)],
             "ratio_median": round(statistics.median(ratios), 3), "ratio_min": round(min(ratios), 3), "ratio_max": round(max(ratios), 3)}
    print(f"{name}: {entry['ratio_median']:.2f} ({entry['ratio_min']:.2f} to {entry['ratio_max']:.2f}), "
          f"{entry['seconds'][1]:.1f} / {entry['seconds'][0]:.1f} s", flush=True)
    return entry


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default=str(ROOT / "build/release/attend"))
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--out", default=str(ROOT / "bench/results/busy_threads.json"))
    options = parser.parse_args()
    stamp = made()
    program, pairs = str(Path(options.program).resolve()), options.pairs
    one, default, long_waits = (1, {}), (None, {}), (None, {"GOMP_SPINCOUNT": "300000"})
    figures = [compare(program, pairs, "quiet, default threads / one thread", one, default),
               compare(program, pairs, "quiet, default threads / the same with libgomp's own waits", long_waits, default)]
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        figures += [compare(program, pairs, "beside a busy process, default threads / one thread", one, default),
                    compare(program, pairs, "beside a busy process, libgomp's own waits / one thread", one, long_waits)]
    finally:
        busy.kill()
    write_result(options.out, {"pairs": pairs, "figures": figures}, stamp)


if __name__ == "__main__":
    main()
