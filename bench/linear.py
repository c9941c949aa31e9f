#!/usr/bin/env python3
"""Speed of linear layers with packed weights beside libtorch's, in turns in one process, from the caches and from memory; prints ratios and
how fast the weights were read, and writes bench/results/linear-PROCESSOR-SET.json.

    python3 bench/linear.py [--threads 1] [--pairs 30] [--only "from memory"]
"""
import argparse
from pathlib import Path

from machine import made, result_path, write_result
from paired import add_options, arguments_of, run_cases

HERE = Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(HERE.parent / "build/release/attend_linear_speed"))
    add_options(parser)
    options = parser.parse_args()
    stamp = made(options.threads)
    rows = run_cases([options.program, *arguments_of(options)])
    if rows and not options.only:
        result = {"what": "linear layers with packed weights: ours beside a peer, in turns", "cases": rows}
        write_result(result_path("linear", rows[0]["set"]), result, stamp)


if __name__ == "__main__":
    main()
