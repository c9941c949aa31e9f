#!/usr/bin/env python3
"""Trains the phrasebook with every mechanism in the same recurrent model, and with those that fit in the Transformer, and writes
bench/results/phrasebook/MODEL-MECHANISM.json: numbers only.

    python3 bench/mechanisms.py [--program build/release/attend] [--only coverage hard] [--model rnn] [--threads 1] [--list]

What a mechanism changes of configs/phrasebook.yaml or configs/phrasebook-transformer.yaml stands in bench/mechanisms.json, with a minus what
it leaves out because the mechanism does not read it; scores that need equal sizes get an encoder whose two directions together are as large as the decoder's state. Minutes are processor time, which says the
same when two runs go side by side.
"""
import argparse
import json
import subprocess
import sys
from pathlib import Path

from machine import last_validation, made, parameters_of, processor_seconds, write_result

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = {"rnn": "configs/phrasebook.yaml", "transformer": "configs/phrasebook-transformer.yaml"}
VARIANTS = json.loads((ROOT / "bench/mechanisms.json").read_text())


def run(options, model, name, changes):
    stamp = made(options.threads)
    data, out = ROOT / "runs/phrasebook-data", ROOT / "runs/mechanisms" / f"{model}-{name}"
    if not (data / "train.tsv").exists():
        subprocess.run([options.program, "data", "phrasebook", "--out", str(data), "--quiet"], check=True)
    subprocess.run(["rm", "-rf", str(out)], check=True)
    own = [f"data.tsv={data}/train.tsv", f"data.dev_tsv={data}/dev.tsv", f"train.out={out}", *changes]
    flags = [flag for change in own for flag in (("--unset", change[1:]) if change.startswith("-") else ("--set", change))]
    log = out.parent / f"{model}-{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    before = processor_seconds()
    with log.open("w") as file:
        subprocess.run([options.program, "train", str(ROOT / CONFIGS[model]), *flags, "--threads", str(options.threads)],
                       check=True, stdout=file, stderr=file)
    seconds = processor_seconds() - before
    report = out / "test.json"
    links = [] if "model.attention=none" in changes else ["--links", "tsv"]
    subprocess.run([options.program, "evaluate", str(out), "--tsv", f"{data}/test.tsv", "--bleu-tokenizer", "zh", *links,
                    "--json", str(report), "--threads", str(options.threads)], check=True, stdout=subprocess.DEVNULL)
    figures = json.loads(report.read_text())
    result = {"task": "phrasebook", "model": model, "name": name, "config": CONFIGS[model], "changes": changes,
              "exact": figures["exact"], "aer": figures.get("aer"), "entropy": figures.get("entropy"), "bleu": figures["bleu"],
              "perplexity": figures["perplexity"], "updates": last_validation(out)["step"], "cpu_minutes": round(seconds / 60, 2),
              "parameters": parameters_of(options.program, out),
              "threads": options.threads}
    path = ROOT / "bench/results/phrasebook" / f"{model}-{name}.json"
    write_result(path, result, stamp)
    aer = "" if result["aer"] is None else f"  AER {100 * result['aer']:.1f} %"
    print(f"{model:12} {name:24} exact {100 * result['exact']:.1f} %{aer}  {result['cpu_minutes']:.1f} min", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/release/attend"))
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--model", choices=sorted(CONFIGS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    failed = []
    for model in [options.model] if options.model else sorted(CONFIGS):
        for name, changes in VARIANTS[model].items():
            if options.only and name not in options.only:
                continue
            if options.list:
                print(model, name, *changes)
                continue
            try:
                run(options, model, name, changes)
            except subprocess.CalledProcessError as error:
                failed.append(f"{model} {name}: {error}")
                print(failed[-1], file=sys.stderr, flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
