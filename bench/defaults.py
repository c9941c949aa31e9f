#!/usr/bin/env python3
"""Trains corpora of several sizes twice, by plain `attend train` and by a recipe made by hand for each, and writes what both reach on the
test set to bench/results/defaults.json: numbers only.

    export ATTEND_DATA=...     the folder with the real data: multi30k, tatoeba-en-zh, ...
    python3 bench/defaults.py [--only multi30k-5000 dates-2000] [--side plain] [--again] [--list] [--program build/release/attend]
    python3 bench/defaults.py --only multi30k-5000 --try model.input_feeding=true    what the plain command with a change reaches; noted nowhere

Corpora, their sizes and the recipes stand in bench/defaults.json; lines spread over a corpus are cut under runs/defaults/data, and
of its test 1,000. Seconds are of one processor, training alone. A line that was made from the same commit is left as it is unless --again.
Effective tokens are exp of the mean entropy of the attention's rows under forced decoding; AER is there where the data have gold links.
"""
import argparse
import fcntl
import json
import math
import os
import subprocess
import sys
from pathlib import Path

from machine import commit, last_validation, made, processor_seconds, write_json

ROOT = Path(__file__).resolve().parent.parent
TABLE = json.loads((ROOT / "bench/defaults.json").read_text())
RESULTS = ROOT / "bench/results/defaults.json"
WORK = ROOT / "runs/defaults"
TESTED = 1000


def lines():
    """Every line of the bench: name, corpus, pairs, recipe."""
    for corpus, entry in TABLE.items():
        for pairs, recipe in entry["lines"].items():
            yield f"{corpus}-{pairs}", entry, int(pairs), recipe


def noted():
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def note(name, side, result):
    """Adds a line to the results; two of these programs may run beside one another."""
    WORK.mkdir(parents=True, exist_ok=True)
    with (WORK / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = noted()
        done.setdefault(name, {})[side] = result
        write_json(RESULTS, {line: done[line] for line, *_ in lines() if line in done})


def cut(path, into, count, header=False):
    """`count` lines spread evenly over a text without its header: some corpora are in the order of the alphabet."""
    read = Path(path).read_text(encoding="utf-8").splitlines()[1 if header else 0:]
    if len(read) < count and into.name.startswith("train"):
        sys.exit(f"defaults: {path} has {len(read)} lines, {count} are wanted")
    count = min(count, len(read))
    into.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(read[i * len(read) // count] + "\n" for i in range(count))
    if not into.exists() or into.read_text(encoding="utf-8") != text:  # another line may be training on it
        into.write_text(text, encoding="utf-8")
    return into


def data_of(name, entry, pairs, options):
    """Flags of the training data and of the test, cut from what is there or made."""
    folder = WORK / "data" / name
    where = {key: os.path.expandvars(value) for key, value in entry.items() if key in ("source", "target", "tsv", "test_source", "test_target", "test_tsv")}
    if "make" in entry:
        made = WORK / "data" / entry["make"]
        if not (made / "train.tsv").exists():
            subprocess.run([options.program, "data", entry["make"], "--out", str(made), "--quiet", *entry.get("flags", [])], check=True)
        where = {"tsv": made / "train.tsv", "test_tsv": made / "test.tsv"}
    header = entry.get("header", False)
    if "tsv" in where:
        train = ["--tsv", str(cut(where["tsv"], folder / "train.tsv", pairs, header))]
        test = ["--tsv", str(cut(where["test_tsv"], folder / "test.tsv", TESTED, header))]
    else:
        train, test = [], []
        for side in ("source", "target"):
            train += [f"--{side}", str(cut(where[side], folder / f"train.{side}", pairs))]
            test += [f"--{side}", str(cut(where["test_" + side], folder / f"test.{side}", TESTED))]
    tested = sum(1 for _ in Path(test[1]).open(encoding="utf-8"))
    links = "tsv" if entry.get("links") else str(folder / "links")
    if not entry.get("links"):
        Path(links).write_text("0-0\n" * tested)  # for the entropy alone
    return train, [*test, "--links", links, *entry.get("evaluate", [])]


def run(name, entry, pairs, recipe, side, options):
    stamp = made(1)
    train, test = data_of(name, entry, pairs, options)
    called = "try" if options.trial else side
    out, log = WORK / f"{name}-{called}", WORK / f"{name}-{called}.log"
    subprocess.run(["rm", "-rf", str(out)], check=True)
    words, changes = [], options.trial or []
    if side == "best":
        words = [str(ROOT / recipe["config"])] if "config" in recipe else []
        changes = recipe.get("changes", [])
    sets = [flag for change in changes for flag in ("--set", change)]
    before = processor_seconds()
    with log.open("w") as file:
        subprocess.run([options.program, "train", *words, *train, "--out", str(out), *sets, "--threads", "1"], check=True, stdout=file, stderr=file)
    seconds = processor_seconds() - before
    report = WORK / f"{name}-{called}.json"
    subprocess.run([options.program, "evaluate", str(out), *test, "--json", str(report), "--threads", "1"], check=True, stdout=subprocess.DEVNULL)
    figures = json.loads(report.read_text())
    result = {"figure": entry["figure"], "value": round(figures[entry["figure"]], 4), "seconds": round(seconds, 1), "updates": last_validation(out)["step"],
              "effective_tokens": round(math.exp(figures["entropy"]), 2) if figures.get("entropy") is not None else None,
              "aer": round(figures["aer"], 4) if entry.get("links") and figures.get("aer") is not None else None, "tested": figures["sentences"],
              "made": stamp}
    if side == "best":
        result["recipe"] = [*([recipe["config"]] if words else []), *changes]
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--side", choices=["plain", "best"])
    parser.add_argument("--try", dest="trial", nargs="+", metavar="KEY=VALUE")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--program", default=str(ROOT / "build/release/attend"))
    options = parser.parse_args()
    if options.list:
        print("\n".join(name for name, *_ in lines()))
        return
    unknown = set(options.only) - {name for name, *_ in lines()}
    if unknown:
        sys.exit(f"defaults: no line {', '.join(sorted(unknown))}; --list shows them")
    if not os.environ.get("ATTEND_DATA"):
        sys.exit("defaults: ATTEND_DATA is not set: the folder with the real data")
    failed = []
    for name, entry, pairs, recipe in lines():
        if options.only and name not in options.only:
            continue
        for side in ["plain"] if options.trial else [options.side] if options.side else ["plain", "best"]:
            head = commit()  # with + it may stand for other changes than those of the line that is there
            if noted().get(name, {}).get(side, {}).get("made", {}).get("commit") == head and not head.endswith("+") and not options.again and not options.trial:
                continue
            try:
                result = run(name, entry, pairs, recipe, side, options)
            except subprocess.CalledProcessError as error:
                failed.append(f"{name} {side}: {error}")
                print(failed[-1], file=sys.stderr, flush=True)
                continue
            if not options.trial:
                note(name, side, result)
            print(f"{name:20} {side:5} {result['figure']} {result['value']}  effective {result['effective_tokens']}  AER {result['aer']}  "
                  f"{result['seconds']:.0f} s", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
