#!/usr/bin/env python3
"""Speed of the fused attention beside libtorch's own, in turns in one process; prints ratios with their spread and per cent of the peak, and
writes bench/results/attention-SET.json for the instruction set that ran.

    python3 bench/attention.py [--threads 1] [--pairs 30] [--only causal]
"""
import argparse
import json
import subprocess
from pathlib import Path

from machine import made, write_result

HERE = Path(__file__).resolve().parent
FARTHEST = 0.03  # peaks before and after that differ by more belong to a disturbed run


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(HERE.parent / "build/release/attend_attention_speed"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--only", default="", help="cases whose name holds this; nothing is written then")
    options = parser.parse_args()
    stamp = made(options.threads)
    command = [options.program, f"threads={options.threads}", f"pairs={options.pairs}"] + ([f"only={options.only}"] if options.only else [])
    rows = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        for line in program.stdout:
            row = json.loads(line)
            rows.append(row)
            r = row["ratio"]
            print(f"{row['case']:70} {r['median']:5.2f} ({r['low']:.2f} to {r['high']:.2f}) times {row['peer']}, {row['gflops']['median']:.0f} GFLOP/s, "
                  f"{100 * row['share_of_peak']:.0f} % of the peak" + (", disturbed" if row["peaks_apart"] > FARTHEST else ""), flush=True)
    if program.returncode:
        raise SystemExit(program.returncode)
    if rows and not options.only:
        write_result(HERE / f"results/attention-{rows[0]['set']}.json",
                     {"what": "attention, GFLOP a second: ours beside a peer, in turns", "cases": rows}, stamp)


if __name__ == "__main__":
    main()
