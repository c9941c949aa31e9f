#!/usr/bin/env python3
"""Trains a committed configuration, evaluates it on the test set and writes bench/results/NAME.json: numbers only.

    export ATTEND_DATA=...     the folder with the real data: tatoeba-en-zh, multi30k, ...
    python3 bench/acceptance.py tatoeba-lstm sst2 [--resume] [--program build/release/attend] [--list]

Names, their data, test and goals stand in bench/tasks.json. Bundled data are made under runs/bundled/demo, where the runs of bundled tasks
begin too. Processor minutes say the same when two runs go side by side.
"""
import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from machine import last_validation, made, parameters_of, processor_seconds, write_result

ROOT = Path(__file__).resolve().parent.parent
TASKS = json.loads((ROOT / "bench/tasks.json").read_text())


def run(name, options):
    stamp = made(options.threads or os.cpu_count())
    task = TASKS[name]
    config = task.get("config", name)
    out = ROOT / "runs" / name
    place = ROOT if task.get("real") else ROOT / "runs/bundled"
    place.mkdir(parents=True, exist_ok=True)
    if "make" in task:
        kind, *flags = task["make"]
        folder = place / "demo" / kind
        if not folder.exists():
            subprocess.run([options.program, "data", kind, "--out", str(folder), "--quiet", *flags], check=True)
    changes = [os.path.expandvars(change) for change in task.get("changes", [])]
    flags = [flag for change in [*changes, f"train.out={out}"] for flag in ("--set", change)]
    before = processor_seconds()
    if not options.evaluate_only:
        if not options.resume:
            subprocess.run(["rm", "-rf", str(out)], check=True)
        command = [options.program, "train", str(ROOT / f"configs/{config}.yaml"), *flags, "--threads", str(options.threads)]
        subprocess.run(command + (["--resume"] if options.resume else []), check=True, cwd=place)
    minutes = (processor_seconds() - before) / 60
    report = out / "test.json"
    subprocess.run([options.program, "evaluate", str(out), *[os.path.expandvars(flag) for flag in task["test"]], "--json", str(report),
                    "--output", str(out / "test.out"), "--threads", str(options.threads)], check=True, cwd=place)
    figures = {key: value for key, value in json.loads(report.read_text()).items() if key != "seconds"}
    end = last_validation(out)
    result = {"config": f"configs/{config}.yaml", "changes": task.get("changes", []), "test": figures, "updates": end["step"],
              "minutes": round(end["seconds"] / 60, 1), "threads": options.threads or os.cpu_count(),
              "parameters": parameters_of(options.program, out)}
    if not options.evaluate_only and not options.resume:  # else only part of the training was seen
        result["cpu_minutes"] = round(minutes, 1)
    path = ROOT / "bench/results" / f"{name}.json"
    write_result(path, result, stamp)
    print(f"{name:24} {json.dumps(figures)}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--program", default=str(ROOT / "build/release/attend"))
    parser.add_argument("--resume", action="store_true", help="go on with runs/NAME where it stopped")
    parser.add_argument("--threads", type=int, default=0, help="processor threads; 0 is one a core")
    parser.add_argument("--evaluate-only", action="store_true", help="runs/NAME is there already")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    if options.list or not options.names:
        print("\n".join(f"{name:24} {task['title']}" for name, task in TASKS.items()))
        return
    unknown = [name for name in options.names if name not in TASKS]
    if unknown:
        sys.exit(f"acceptance: no task {', '.join(unknown)}; --list shows them")
    if any(TASKS[name].get("real") for name in options.names) and not os.environ.get("ATTEND_DATA"):
        sys.exit("acceptance: ATTEND_DATA is not set: the folder with the real data")
    failed = []
    for name in options.names:
        try:
            run(name, options)
        except subprocess.CalledProcessError as error:
            failed.append(f"{name}: {error}")
            print(failed[-1], file=sys.stderr, flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
