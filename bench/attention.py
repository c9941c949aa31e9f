#!/usr/bin/env python3
"""Speed of the fused attention beside libtorch's own and beside compositions, in turns in one process; prints ratios with their spread and
per cent of the peak, and writes bench/results/attention-PROCESSOR-SET.json for the instruction set that ran. What needs two threads (the
gradients of one head, two threads beside one) is run with two and stands in the same file.

    python3 bench/attention.py [--threads 1] [--pairs 30] [--only causal]
    python3 bench/attention.py --isa avx2       # a weaker set, of which the share of its peak is of interest: plain attention alone
"""
import argparse
import os
from pathlib import Path

from machine import SETS, made, result_path, write_result
from paired import add_options, arguments_of, run_cases

HERE = Path(__file__).resolve().parent
OF_TWO_THREADS = "two threads, |B1 H1 N2048"
PLAIN = "ward float32 B1 H"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(HERE.parent / "build/release/attend_attention_speed"))
    parser.add_argument("--isa", choices=SETS, help="holds ours to this instruction set, and libtorch where it can be told")
    add_options(parser)
    options = parser.parse_args()
    stamp = made(options.threads)
    environment, changes = dict(os.environ), {}
    if options.isa:
        environment["ATTEND_ISA"] = options.isa
        changes = {"only": options.only or PLAIN}
        if options.isa == "avx2":
            environment.update(ATEN_CPU_CAPABILITY="avx2", MKL_ENABLE_INSTRUCTIONS="AVX2", ONEDNN_MAX_CPU_ISA="AVX2")
    rows = run_cases([options.program, *arguments_of(options, **changes)], environment)
    forced = "ATTEND_ISA" in environment
    if options.threads == 1 and not options.only and not forced and os.cpu_count() > 1:
        rows += run_cases([options.program, *arguments_of(options, threads=2, only=OF_TWO_THREADS)], environment)
    if rows and not options.only:
        result = {"what": "attention, GFLOP a second: ours beside a peer, in turns", "forced": forced, "cases": rows}
        more = "" if options.threads == 1 else f"-{options.threads}threads"
        write_result(result_path("attention", rows[0]["set"] + more), result, stamp)


if __name__ == "__main__":
    main()
