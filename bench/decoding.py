#!/usr/bin/env python3
"""Decoding speed beside CTranslate2 with the same weights, paired: A B A B ...; prints the ratio's median and spread and writes
bench/results/decoding-PROCESSOR-SET.json. A model is trained first where there is none (bench/decoding.yaml, some minutes). Needs ATTEND_DATA, and a
Python with ctranslate2 and safetensors (bench/peers/README.md).

    python bench/decoding.py [--pairs 5] [--python .deps/peers/bin/python]
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import ROOT, made, result_path, write_result

CASES = [(batch, beam, precision) for precision in ("float32", "int8") for batch, beam in ((1, 1), (1, 4), (32, 1), (32, 4))]


def last_json(command):
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def spread(values):
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    build = ROOT / "build/release"
    parser.add_argument("--program", default=str(build / "attend_decode_speed"))
    parser.add_argument("--attend", default=str(build / "attend"))
    parser.add_argument("--python", default=str(ROOT / ".deps/peers/bin/python"))
    parser.add_argument("--model", default=str(ROOT / "runs/bench-decoding"))
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--sentences", type=int, default=200)
    parser.add_argument("--passes", type=int, default=2)
    parser.add_argument("--out")
    options = parser.parse_args()
    data = os.environ.get("ATTEND_DATA") or sys.exit("decoding.py: set ATTEND_DATA to the folder that holds multi30k")
    if not (Path(options.model) / "best").exists():
        subprocess.run([options.attend, "train", str(ROOT / "bench/decoding.yaml"), "--set", f"train.out={options.model}"], check=True)
    model, text = f"{options.model}/best", f"{data}/multi30k/test_2016_flickr.en"
    peer = str(ROOT / "bench/peers/decode_ctranslate2.py")
    stamp = made(1)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([options.python, peer, "convert", model, f"{folder}/model"], check=True)
        for batch, beam, precision in CASES:
            ids = f"{folder}/ids.json"
            own = [options.program, f"model={model}", f"text={text}", f"batch={batch}", f"beam={beam}", f"precision={precision}",
                   f"sentences={options.sentences}", f"passes={options.passes}", f"ids={ids}"]
            theirs = [options.python, peer, "run", f"{folder}/model", ids, "--batch", str(batch), "--beam", str(beam), "--compute",
                      precision, "--passes", str(options.passes)]
            pairs, recorded = [], []
            for turn in range(options.pairs + 1):  # the first is not counted
                first, record, second = last_json(own), last_json([*own, "record=true"]), last_json(theirs)
                if turn > 0:
                    pairs.append((first, second))
                    recorded.append(record["seconds"] / first["seconds"] - 1)
            row = {"batch": batch, "beam": beam, "precision": precision,
                   "ratio": spread([a["tokens_per_second"] / b["tokens_per_second"] for a, b in pairs]),
                   "attend_tokens_per_second": statistics.median(a["tokens_per_second"] for a, _ in pairs),
                   "peer_tokens_per_second": statistics.median(b["tokens_per_second"] for _, b in pairs),
                   "recording": spread(recorded), "same_translations": f"{pairs[0][1]['same']} of {pairs[0][1]['of']}",
                   "peak_mib": pairs[0][0]["peak_mib"]}
            rows.append(row)
            print(f"batch {batch:2} beam {beam} {precision:8} {row['ratio']['median']:.2f} ({row['ratio']['low']:.2f} to "
                  f"{row['ratio']['high']:.2f}) times, {row['attend_tokens_per_second']:.0f} / {row['peer_tokens_per_second']:.0f} tok/s, "
                  f"all maps recorded {100 * row['recording']['median']:+.1f} %, {row['same_translations']} the same", flush=True)
    result = {"what": "target tokens a second, one thread: attend / CTranslate2, Transformer 3+3, 256/1024, V 8000, Multi30k test 2016",
              "peer": f"CTranslate2 {pairs[0][1]['ctranslate2']}", "isa": pairs[0][0]["isa"], "sentences": options.sentences, "rows": rows}
    write_result(options.out or result_path("decoding", pairs[0][0]["isa"]), result, stamp)


if __name__ == "__main__":
    main()
