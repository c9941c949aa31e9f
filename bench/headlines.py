#!/usr/bin/env python3
"""Do the README's trainings still begin as they did? Runs the first 300 updates of each headline configuration, with the schedule of the
whole run, and compares the validation loss with bench/headlines.json; exits with 1 when one is further off than its tolerance.

    export ATTEND_DATA=...
    python3 bench/headlines.py [NAME...] [--threads 2] [--instructions AVX2]
    python3 bench/headlines.py [NAME...] --expect      takes what was found as what is expected from now on, with what it was made of

--instructions holds libtorch's libraries to an older instruction set, to see whether a figure depends on the processor.
"""
import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import made, write_json

ROOT = Path(__file__).resolve().parent.parent
EXPECTED = ROOT / "bench/headlines.json"
UPDATES = 300
OLDER = {"AVX2": {"ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2"}}


def first_validation(metrics):
    if not metrics.exists():
        return None
    lines = metrics.read_text().splitlines(keepends=True)
    return json.loads(lines[0]) if lines and lines[0].endswith("\n") else None


def run(options, name):
    """The figures after UPDATES updates; the run is then interrupted, so that its rate is that of the whole training."""
    environment = {**os.environ, **OLDER.get(options.instructions, {})}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [options.program, "train", str(ROOT / f"configs/{name}.yaml"), "--quiet", "--threads", str(options.threads)]
        for change in (f"train.out={out}", f"train.validate_every={UPDATES}", "train.validate_pairs=200"):
            command += ["--set", change]
        training = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        while (found := first_validation(out / "metrics.jsonl")) is None:
            if training.poll() is not None:
                sys.exit(f"{name}: the training ended with exit code {training.returncode} before update {UPDATES}")
            time.sleep(0.5)
        training.send_signal(signal.SIGINT)
        training.wait()
    return found


def main():
    expected = json.loads(EXPECTED.read_text())
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(expected))
    parser.add_argument("--program", default=str(ROOT / "build/release/attend"))
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--instructions", choices=list(OLDER))
    parser.add_argument("--expect", action="store_true")
    options = parser.parse_args()
    if options.expect and options.instructions:
        parser.error("--expect takes the figures of every instruction set that the processor has; leave out --instructions")
    for name in options.names or expected:
        if name not in expected:
            parser.error(f"unknown configuration '{name}'; known: {', '.join(expected)}")
        if "loss" not in expected[name] and not options.expect:
            parser.error(f"bench/headlines.json expects no loss of {name} yet; run it with --expect")
    missed = []
    for name in options.names or expected:
        stamp = made(options.threads)
        figures = run(options, name)
        if options.expect:
            expected[name] = {"loss": round(figures["loss"], 3), "tolerance": expected[name]["tolerance"], "made": stamp}
            write_json(EXPECTED, expected)
        off = figures["loss"] - expected[name]["loss"]
        within = abs(off) <= expected[name]["tolerance"]
        if not within:
            missed.append(name)
        print(f"{name:24} loss {figures['loss']:.3f} after {figures['step']} updates, expected {expected[name]['loss']} "
              f"± {expected[name]['tolerance']}: {'as expected' if within else f'off by {off:+.3f}'}", flush=True)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
