#!/usr/bin/env python3
"""Attention beside what PyTorch's users would take instead: FlexAttention, torch.compile, oneDNN's graphs, zentorch; in turns in one
process of Python, through torch.ops.attend. Writes bench/results/peers-PROCESSOR-SET.json, which also says who declined, and in which words. Needs
the package (tools/build release --target attend_python) and a Python that has the peers (bench/peers/README.md).

    python3 bench/attention_peers.py [--python .deps/peers/bin/python] [--pairs 30] [--groups flex compile]
"""
import argparse
import shutil
import subprocess
import sys
import tempfile

from machine import ROOT, made, result_path, write_result
from paired import add_options, run_cases

GROUPS = ("flex", "eager", "compile", "onednn", "zentorch")


def active_set(program):
    """The instruction set that the kernels run with."""
    info = subprocess.run([program, "info"], check=True, capture_output=True, text=True).stdout
    return next(line.split()[1].rstrip(";") for line in info.splitlines() if line.startswith("kernels"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    build = ROOT / "build/release"
    parser.add_argument("--attend", default=str(build / "attend"))
    parser.add_argument("--package", default=str(build / "python"))
    parser.add_argument("--python", default=str(ROOT / ".deps/peers/bin/python"))
    parser.add_argument("--groups", nargs="*", default=GROUPS, choices=GROUPS, help="with others than all nothing is written")
    add_options(parser)
    options = parser.parse_args()
    if not shutil.which(options.python):
        sys.exit(f"attention_peers: there is no {options.python}; bench/peers/README.md says how it is made")
    stamp, isa = made(options.threads), active_set(options.attend)
    rows, declined = [], {}
    for group in options.groups:
        command = [options.python, ROOT / "bench/peers/attention_torch.py", group, "--package", options.package, "--set", isa,
                   "--threads", options.threads, "--pairs", options.pairs, "--seconds", options.seconds, "--only", options.only]
        with tempfile.TemporaryFile(mode="w+") as errors:
            found, code = run_cases(command, errors=errors)
            rows += found
            errors.seek(0)
            words = [line.strip() for line in errors if line.strip()]
        if code:
            declined[group] = words[-1] if words else f"exit code {code}"
            print(f"{group}: {declined[group]}", flush=True)
    if rows and not options.only and set(options.groups) == set(GROUPS):
        write_result(result_path("peers", isa),
                     {"what": "attention in Python, GFLOP a second: ours beside a peer, in turns", "declined": declined, "cases": rows}, stamp)


if __name__ == "__main__":
    main()
