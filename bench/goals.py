#!/usr/bin/env python3
"""Which goals the results of this kind of processor miss: tools/compare, in short, over all of them. Ends with exit code 1 if there is one.

    python3 bench/goals.py
"""
import subprocess
import sys

from machine import ROOT, kind_of, processor_name

BENCHES = ("attention", "peers", "linear", "decoding", "train_speed")


def main():
    failed, kind = 0, kind_of(processor_name())
    paths = [path for bench in BENCHES for path in sorted((ROOT / "bench/results").glob(f"{bench}-{kind}-*.json"))]
    if not paths:
        sys.exit(f"goals: there are no results of this processor, {kind}; make bench makes them")
    for path in paths:
        done = subprocess.run([str(ROOT / "tools/compare"), str(path)], stdout=subprocess.PIPE, text=True)
        failed |= done.returncode
        print(path.name)
        for line in done.stdout.splitlines():
            if line.startswith(("missed:", "compare:")):
                print("  " + line)
    sys.exit(failed)


if __name__ == "__main__":
    main()
