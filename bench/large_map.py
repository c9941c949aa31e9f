#!/usr/bin/env python3
"""What it costs to see a map of 131,072 x 131,072 weights: time beside plain attention, in turns in one process, and the memory of the
program; writes bench/results/large_map.json.

    python3 bench/large_map.py [--threads 2] [--pairs 3] [--record long.record.npz] && attend draw long.record.npz --png long.png
"""
import argparse
import json
import subprocess
from pathlib import Path

from machine import made, write_result

HERE = Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(HERE.parent / "build/release/attend_large_map"))
    parser.add_argument("--length", type=int, default=131072, help="positions; with others nothing is written")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--record", default="", help="file for the record of the map")
    options = parser.parse_args()
    stamp = made(options.threads)
    command = [options.program, f"length={options.length}", f"threads={options.threads}", f"pairs={options.pairs}"]
    if options.record:
        command.append(f"record={options.record}")
    row = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    print(f"{row['case']}: {row['times_the_plain']['median']:.2f} times the plain forward pass ({row['peer_seconds']['median']:.0f} s), "
          f"{row['times_the_plain_processor']['median']:.2f} times in processor seconds, "
          f"{row['peak_memory_bytes'] / 1e6:.0f} MB at most, where the weights alone would take {row['map_bytes'] / 1e9:.0f} GB")
    if options.length == parser.get_default("length"):
        write_result(HERE / "results/large_map.json", {"what": "a map too large to be stored, seen whole", "cases": [row]}, stamp)


if __name__ == "__main__":
    main()
