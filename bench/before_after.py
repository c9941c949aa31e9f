#!/usr/bin/env python3
"""The same models trained and decoded by two builds of attend, in turns: what a change made of their speed, with one thread and with two, on
the quiet machine and beside one process that never rests, and what it made of their quality. Writes
bench/results/before_after-PROCESSOR.json. Nothing else should run meanwhile.

    build/release/attend data phrasebook --out demo/data
    python3 bench/before_after.py --before ../older/build/release/attend [--after build/release/attend] [--pairs 3]
"""
import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import kind_of, made, processor_name, write_result

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = {"GRU, additive": "configs/phrasebook.yaml", "Transformer": "configs/phrasebook-transformer.yaml"}
UPDATES = 100
DECODINGS = {"batch 1, beam 1": ("1", "1", 100), "batch 1, beam 4": ("1", "4", 100), "batch 32, beam 4": ("32", "4", 500)}


def run(command, **options):
    start = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    if done.returncode:
        sys.exit(f"before_after: {' '.join(command)}\n{done.stderr[-2000:]}")
    return time.monotonic() - start, done.stdout


def commit_of(program):
    """The commit of the checkout that a program was built in."""
    return run(["git", "-C", str(Path(program).parent), "rev-parse", "--short=10", "HEAD"])[1].strip()


def train(program, config, out, *settings, threads=None):
    command = [program, "train", config, "--quiet", "--set", f"train.out={out}"]
    for setting in settings:
        command += ["--set", setting]
    return run(command + (["--threads", str(threads)] if threads else []))[0]


def train_updates(program, config, threads):
    with tempfile.TemporaryDirectory() as folder:
        return train(program, config, f"{folder}/run", "train.epochs=0", f"train.steps={UPDATES}", f"train.validate_every={UPDATES}",
                     "train.validate_pairs=10", threads=threads)


def translate(program, model, batch, beam, lines, threads):
    return run([program, "translate", model, "--batch", batch, "--beam", beam, "--threads", str(threads)], input=lines)[0]


def in_turns(pairs, act):
    """Seconds of act("before") and act("after") in turns, and how many times faster the second was."""
    before, after = [], []
    for _ in range(pairs):
        before.append(act("before"))
        after.append(act("after"))
    ratios = [a / b for a, b in zip(before, after)]
    return {"seconds_before": round(statistics.median(before), 2), "seconds_after": round(statistics.median(after), 2),
            "faster": round(statistics.median(ratios), 2), "least": round(min(ratios), 2), "most": round(max(ratios), 2)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", required=True)
    parser.add_argument("--after", default=str(ROOT / "build/release/attend"))
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=2, help="whole trainings of each, for quality")
    options = parser.parse_args()
    stamp = made()
    programs = {"before": str(Path(options.before).resolve()), "after": str(Path(options.after).resolve())}
    for path in (*programs.values(), ROOT / "demo/data/test.tsv"):
        if not Path(path).is_file():
            sys.exit(f"before_after: there is no {path}; see --help for what must be there")
    sentences = [line.split("\t")[0] + "\n" for line in (ROOT / "demo/data/test.tsv").read_text(encoding="utf-8").splitlines()]
    result = {"before": commit_of(programs["before"]), "pairs": options.pairs, "updates": UPDATES, "speed": [], "quality": []}

    with tempfile.TemporaryDirectory() as folder:
        models = {}
        for name, config in CONFIGS.items():
            for seed in range(1, options.seeds + 1):
                for which, program in programs.items():
                    out = f"{folder}/{which}-{len(models)}-{seed}"
                    train(program, config, out, f"train.seed={seed}")
                    run([program, "evaluate", out, "--tsv", "demo/data/test.tsv", "--bleu-tokenizer", "zh", "--json", f"{out}.json",
                                   "--output", f"{out}.txt"])
                    scores = json.loads(Path(f"{out}.json").read_text(encoding="utf-8"))
                    entry = {"model": name, "which": which, "seed": seed,
                             **{key: value for key, value in scores.items() if key in ("bleu", "chrf", "exact", "ter")}}
                    print(entry, flush=True)
                    result["quality"].append(entry)
                    if which == "before" and seed == 1:
                        models[name] = out  # both read what the older one wrote

        def measure(beside):
            for threads in (1, 2):
                for name, config in CONFIGS.items():
                    tasks = {f"training, {UPDATES} updates": lambda which: train_updates(programs[which], config, threads)}
                    for what, (batch, beam, count) in DECODINGS.items():
                        tasks[f"translating, {what}"] = (lambda which, batch=batch, beam=beam, count=count:
                                                         translate(programs[which], models[name], batch, beam, "".join(sentences[:count]), threads))
                    for what, act in tasks.items():
                        entry = {"model": name, "what": what, "threads": threads, "beside": beside, **in_turns(options.pairs, act)}
                        print(f"{name}, {what}, {threads} thread{'s' * (threads > 1)}, {beside}: {entry['faster']:.2f} "
                              f"({entry['least']:.2f} to {entry['most']:.2f}) times, {entry['seconds_before']} -> {entry['seconds_after']} s", flush=True)
                        result["speed"].append(entry)

        measure("nothing")
        busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        try:
            measure("a busy process")
        finally:
            busy.kill()
    write_result(ROOT / f"bench/results/before_after-{kind_of(processor_name())}.json", result, stamp)


if __name__ == "__main__":
    main()
