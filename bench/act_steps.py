#!/usr/bin/env python3
"""How long adaptive computation ponders: steps over a vector of parity by how many of its twelve numbers are not 0, which is how hard it
is (Graves 2016, figure 5). Reads the run that acceptance.py leaves; writes bench/results/act_steps.json and docs/images/act_steps.svg.
Needs numpy.

    python3 bench/acceptance.py parity
    python3 bench/act_steps.py [--program build/release/attend] [--run runs/parity] [--threads 1] [--draw-only]
"""
import argparse
import json
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

from chart import line_chart
from machine import made, write_result

ROOT = Path(__file__).resolve().parent.parent
RESULT, PICTURE = ROOT / "bench/results/act_steps.json", ROOT / "docs/images/act_steps.svg"


def measure(options):
    import numpy
    pairs = [line.split("\t") for line in (ROOT / "runs/bundled/demo/parity/test.tsv").read_text().splitlines()]
    steps, right = defaultdict(list), defaultdict(int)
    with tempfile.TemporaryDirectory() as folder:
        Path(f"{folder}/sources").write_text("".join(source + "\n" for source, *_ in pairs))
        given = subprocess.run([options.program, "classify", options.run, f"{folder}/sources", "--record", f"{folder}/record.npz", "--threads",
                                str(options.threads)], check=True, capture_output=True, text=True).stdout.splitlines()
        record = numpy.load(f"{folder}/record.npz")
        for i, ((source, target, *_), answer) in enumerate(zip(pairs, given, strict=True)):
            filled = sum(number != "0" for number in source.split())
            steps[filled].append(float(record[f"{i}/act.steps.layer0"].ravel()[0]))
            right[filled] += answer.split("\t")[0] == target
    filled = sorted(steps)
    return {"task": "parity of 12 numbers", "filled": filled, "vectors": [len(steps[n]) for n in filled],
            "steps": [round(sum(steps[n]) / len(steps[n]), 3) for n in filled], "accuracy": [round(right[n] / len(steps[n]), 4) for n in filled]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/release/attend"))
    parser.add_argument("--run", default=str(ROOT / "runs/parity"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--draw-only", action="store_true", help="the picture alone, from the committed figures")
    options = parser.parse_args()
    if not options.draw_only:
        stamp = made(options.threads)
        write_result(RESULT, measure(options), stamp)
    result = json.loads(RESULT.read_text())
    for filled, vectors, steps, accuracy in zip(*(result[key] for key in ("filled", "vectors", "steps", "accuracy"))):
        print(f"{filled:3} of 12  {steps:5.2f} steps  {100 * accuracy:5.1f} % right of {vectors}")
    top = 2 * (int(max(result["steps"])) // 2 + 1)
    line_chart(PICTURE, "Steps before an answer, by difficulty",
               "Adaptive computation on parity: mean steps by how many of the twelve numbers are not 0", result["filled"],
               "numbers that are not 0, of twelve", result["filled"], "steps", [(value, str(value)) for value in range(0, top + 1, 2)],
               [("ACT", "#1b4f9c", result["steps"])])


if __name__ == "__main__":
    main()
