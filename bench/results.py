#!/usr/bin/env python3
"""Writes docs/results.md and README's table of speed from the number-only files under bench/results.

    python3 bench/results.py
"""
import json
from pathlib import Path

from machine import heading, kind_of

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench/results"
TASKS = json.loads((ROOT / "bench/tasks.json").read_text())
VARIANTS = json.loads((ROOT / "bench/mechanisms.json").read_text())
# How a figure is called, and what it is shown times.
FIGURES = {"exact": ("exact %", 100), "accuracy": ("accuracy %", 100), "word_error": ("WER %", 100), "bleu": ("BLEU", 1), "perplexity": ("perplexity", 1),
           "bits_per_character": ("bits a character", 1), "macro_f1": ("macro-F1 %", 100), "chrf": ("chrF", 1), "cer": ("CER %", 100), "aer": ("AER %", 100),
           "cider": ("CIDEr-D", 1), "rouge_l": ("ROUGE-L %", 1), "support": ("weight on supporting statements %", 100)}
SMALLER = {"word_error", "perplexity", "bits_per_character"}


def percent(x):
    return "" if x is None else f"{100 * x:.1f}"


def phrasebook(model, title):
    rows = [json.loads(path.read_text()) for path in sorted((RESULTS / "phrasebook").glob(f"{model}-*.json"))]
    if not rows:
        return []
    lines = [f"### {title}", "", "| mechanism | changes of the recipe | exact % | AER % | entropy, nat | parameters | processor minutes |", "|---|---|---|---|---|---|---|"]
    for r in sorted(rows, key=lambda r: -r["exact"]):
        changes = " ".join(f"`{c}`" for c in r["changes"])
        if r["changes"] != VARIANTS[model].get(r["name"]):
            changes += " (not today's recipe)"
        entropy = "" if r.get("entropy") is None else f"{r['entropy']:.2f}"
        lines.append(f"| {r['name']} | {changes} | {percent(r['exact'])} | {percent(r.get('aer'))} | {entropy} | {r['parameters']} | {r['cpu_minutes']:.1f} |")
    why = [f"- `{name}`: {sentence}" for name, sentence in VARIANTS["why"].get(model, {}).items() if (RESULTS / f"phrasebook/{model}-{name}.json").exists()]
    return lines + [""] + (["Why some stay low:", "", *why, ""] if why else [])


def source_of(stamps):
    """Of what results were made: the commits, by processor. Older files do not say."""
    commits = {}
    for stamp in stamps:
        if stamp:
            commits.setdefault(stamp["processor"], set()).add(stamp["commit"])
    return "; ".join(f"{', '.join(sorted(made))} on {processor}" for processor, made in sorted(commits.items()))


def defaults():
    """Plain training against a recipe by hand, corpus by corpus."""
    path = RESULTS / "defaults.json"
    if not path.exists():
        return []
    results = json.loads(path.read_text())
    lines = ["## Plain training against a recipe by hand", "",
             "`attend train` with the data and nothing else, and with a recipe made by hand, on parts of each corpus (`python3 bench/defaults.py`; the recipes stand "
             "in `bench/defaults.json`: a committed configuration, or for prose of up to 5,000 pairs small GRUs with input feeding). Seconds are of one processor, training alone. "
             "The ratio is plain to recipe; above 1 the plain command is itself the best recipe known.", "",
             "| corpus, pairs | figure | plain | recipe | ratio | plain: AER % | effective tokens | seconds | recipe: seconds |", "|---|---|---|---|---|---|---|---|---|"]
    for name, sides in results.items():
        plain, best = sides.get("plain"), sides.get("best")
        factor = 100 if (plain or best)["figure"] == "exact" else 1
        cell = lambda side, key, times=1, digits=1: "" if not side or side.get(key) is None else f"{times * side[key]:.{digits}f}"
        ratio = f"{plain['value'] / best['value']:.2f}" if plain and best and best["value"] else ""
        lines.append(f"| {name} | {'exact %' if factor == 100 else 'BLEU'} | {cell(plain, 'value', factor)} | {cell(best, 'value', factor)} | {ratio} | {cell(plain, 'aer', 100)} | "
                     f"{cell(plain, 'effective_tokens')} | {cell(plain, 'seconds', 1, 0)} | {cell(best, 'seconds', 1, 0)} |")
    sides = [side for both in results.values() for side in both.values()]
    return lines + ["", f"Made of: {source_of(side.get('made') for side in sides)}.", ""]


def value_of(test, figure):
    if figure == "word_error":
        return 1 - test["exact"]
    value = test.get(figure)
    return value[-1] if figure == "bleu" and isinstance(value, list) else value


def shown(figure, value):
    """A figure without its name; a list is one a hop."""
    factor = FIGURES[figure][1]
    digits = 2 if factor == 1 else 1
    return " ".join(f"{factor * x:.{digits}f}" for x in (value if isinstance(value, list) else [value]))


def tasks(title, real):
    lines = [f"## {title}", "", "| task, data | figure | result | must | aim | also | parameters | processor minutes | config |", "|---|---|---|---|---|---|---|---|---|"]
    for name, task in TASKS.items():
        path = RESULTS / f"{name}.json"
        if bool(task.get("real")) != real or not path.exists():
            continue
        result = json.loads(path.read_text())
        figure, test = task["figure"], result["test"]
        value = value_of(test, figure)
        goals = [shown(figure, task[goal]) if goal in task else "" for goal in ("must", "aim")]
        met = "must" not in task or (value <= task["must"] if figure in SMALLER else value >= task["must"])
        others = [f"{FIGURES[key][0]} {shown(key, test[key])}" for key in FIGURES if key != figure and test.get(key) is not None and not (figure == "word_error" and key == "exact")]
        minutes = result.get("cpu_minutes") or f"{result['minutes']} on the clock"
        changes = "".join(f" `{change}`" for change in result.get("changes", []) if not change.startswith("data."))
        mark = shown(figure, value)
        if "must" in task:
            mark = f"**{mark}**" if met else f"{mark}, falls short"
        lines.append(f"| {task['title']} | {FIGURES[figure][0]} | {mark} | {goals[0]} | {goals[1]} | {', '.join(others)} | {result['parameters']} | {minutes} | "
                     f"`{result['config']}`{changes} |")
    return lines + [""]


def by_length():
    """What depends on how long or how hard an item is."""
    lines = ["## By length and difficulty", "", "Attention against none on `reverse` (`python3 bench/by_length.py`):", "",
             "![Sequences reversed without a mistake, by length](images/by_length.svg)", "",
             "Adaptive computation on `parity` (`python3 bench/act_steps.py`):", "", "![Steps before an answer, by difficulty](images/act_steps.svg)", ""]
    path = RESULTS / "ntm_lengths.json"
    if path.exists():
        r = json.loads(path.read_text())
        lines += [f"The neural Turing machine, trained to copy up to {r['trained_up_to']} vectors, {r['sequences']} sequences of each length (`python3 bench/ntm_lengths.py`):", "",
                  "| length | " + " | ".join(str(row["length"]) for row in r["lengths"]) + " |", "|---|" + "---|" * len(r["lengths"]),
                  "| sequences without a mistake, % | " + " | ".join(percent(row["exact"]) for row in r["lengths"]) + " |",
                  "| vectors wrong, % | " + " | ".join(f"{100 * row['vectors_wrong']:.2f}" for row in r["lengths"]) + " |", ""]
    return lines


def speed():
    """Training speed, a section with its rows for each processor."""
    results = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("train_speed-*.json"))]
    if not results:
        return []
    lines = ["## Training speed", "", f"{results[0]['what'][0].upper()}{results[0]['what'][1:]}; pairs of runs in turn.", ""]
    for r in results:
        lines += [f"### {heading(r, r['isa'])}, {r['threads']} threads", "",
                  "| batch × length | ratio, median (range) | attend, tok/s | peer, tok/s | attend, MiB | peer, MiB |", "|---|---|---|---|---|---|"]
        for s in r["shapes"]:
            lines.append(f"| {s['batch']} × {s['target']} | {s['ratio_median']:.2f} ({s['ratio_min']:.2f}–{s['ratio_max']:.2f}) | "
                         f"{s['attend_tokens_per_second']:.0f} | {s['peer_tokens_per_second']:.0f} | {s['attend_peak_mib']:.0f} | {s['peer_peak_mib']:.0f} |")
        lines.append("")
    return lines


# Rows of README's table of speed: how it is called, and the case.
SPEED = [("float32, forward", "forward float32 B1 H8 N1024 D64"), ("float32, forward, causal", "forward float32 B1 H8 N1024 D64 causal"),
         ("float32, backward", "backward float32 B1 H8 N1024 D64"), ("float32, backward, causal", "backward float32 B1 H8 N1024 D64 causal"),
         ("bfloat16, forward", "forward bfloat16 B1 H8 N1024 D64"), ("bfloat16, backward", "backward bfloat16 B1 H8 N1024 D64"),
         ("16 items of 512, half of it padding, forward and backward", "padded to twice its tokens, forward and backward float32 B16 H8 N512 D64"),
         ("a window of 256 in 4,096, forward and backward", "window 256, forward and backward float32 B1 H4 N4096 D64"),
         ("one query, 32,768 keys from memory", "decode float32 B1 H8 T1 S32768 D64"),
         ("dropout 0.1, forward and backward", "dropout 0.1, forward and backward float32 B1 H8 N1024 D64"),
         ("additive, 64 × 64, forward", "forward additive B8 T64 S64 E512"),
         ("additive, 64 × 64, forward and backward", "forward and backward additive B8 T64 S64 E512"),
         ("additive, a decoder's step, forward", "forward additive B64 T1 S40 E512"),
         ("additive, 64 × 64, forward", "torch.compile: forward additive B8 T64 S64 E512"),
         ("causal with ALiBi, forward", "FlexAttention: causal with ALiBi, forward float32 B1 H8 N1024 D64"),
         ("float32, forward", "oneDNN graph: forward float32 B1 H8 N1024 D64")]
STATISTICS = [("entropy, maximum and its key", "forward, entropy and maximum float32 B1 H8 N1024 D64"),
              ("and column sums, means and maxima of 32 × 32 blocks", "forward, and columns and maps float32 B1 H8 N1024 D64"),
              ("and the 8 largest weights of each row", "forward, and the 8 largest float32 B1 H8 N1024 D64")]


def before_after():
    """What the fused kernels and packed weights made of the same models' speed and quality."""
    lines = []
    for path in sorted(RESULTS.glob("before_after-*.json")):
        result = json.loads(path.read_text())
        lines += [f"### {result['made']['processor']}, {result['before']} and {result['made']['commit']}", "",
                  "| model | what | threads | beside it | times as fast (least to most) | seconds before | after |", "|---|---|---|---|---|---|---|"]
        for r in result["speed"]:
            lines.append(f"| {r['model']} | {r['what']} | {r['threads']} | {r['beside']} | {r['faster']:.2f} ({r['least']:.2f} to {r['most']:.2f}) | "
                         f"{r['seconds_before']} | {r['seconds_after']} |")
        lines += ["", "| whole training | build | seed | exact % | BLEU | chrF |", "|---|---|---|---|---|---|"]
        for r in result["quality"]:
            lines.append(f"| {r['model']} | {r['which']} | {r['seed']} | {percent(r['exact'])} | {r['bleu']:.1f} | {r['chrf']:.1f} |")
        lines.append("")
    return ["## The phrasebook's models before and after the kernels", "",
            "Two builds in turns, of the commits named: the last one before the fused kernels and a later one; loading included "
            "(`python3 bench/before_after.py --before OLDER`).", "", *lines] if lines else []


def attention():
    """Speed of the fused attention, a column a processor; [] without results. Runs with one thread that chose the instruction set."""
    results, headings = {}, {}
    for path in [*sorted(RESULTS.glob("attention-*.json")), *sorted(RESULTS.glob("peers-*.json"))]:
        r = json.loads(path.read_text())
        if r["made"]["threads"] == 1 and not r.get("forced"):
            kind = kind_of(r["made"]["processor"])
            headings.setdefault(kind, heading(r, r["cases"][0]["set"]))
            results.setdefault(kind, {}).update({row["case"]: row for row in r["cases"]})
    if not results:
        return []
    lines = ["| | peer | " + " | ".join(headings[kind] for kind in results) + " |", "|---|---|" + "---|" * len(results)]
    for name, case in SPEED:
        rows = [cases.get(case) for cases in results.values()]
        peer = next((row["peer"] for row in rows if row), None)
        if peer:
            lines.append(f"| {name} | {peer} | " + " | ".join(f"{row['ratio']['median']:.1f}×" if row else "" for row in rows) + " |")
    for name, case in STATISTICS:
        rows = [cases.get(case) for cases in results.values()]
        lines.append(f"| {name} | the same without | " + " | ".join(f"{100 * (1 / row['ratio']['median'] - 1):.0f} % longer" if row else "" for row in rows) + " |")
    return lines


def decoding():
    """Decoding beside CTranslate2, a column a processor; [] without results."""
    results = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("decoding-*.json"))]
    if not results:
        return []
    lines = ["| " + " | ".join(["sentences at a time, beam", *(heading(r, r["isa"]) for r in results)]) + " |", "|---|" + "---|" * len(results)]
    for row in results[0]["rows"]:
        cells = []
        for r in results:
            same = next((x for x in r["rows"] if all(x[key] == row[key] for key in ("batch", "beam", "precision"))), None)
            cells.append(f"{same['ratio']['median']:.2f}× ({same['attend_tokens_per_second']:,.0f} tokens/s)" if same else "")
        lines.append(f"| {row['batch']}, {row['beam']}, {row['precision']} | " + " | ".join(cells) + " |")
    return lines


def write_readme():
    path = ROOT / "README.md"
    for name, table in (("speed", attention()), ("decoding", decoding())):
        text, begin, end = path.read_text(), f"<!-- {name}: made by bench/results.py -->\n", f"<!-- /{name} -->\n"
        if table:
            path.write_text(text[:text.index(begin) + len(begin)] + "\n".join(table) + "\n" + text[text.index(end):])


def main():
    lines = ["# Results", "", "Made by `python3 bench/results.py` from the files under `bench/results`. Processor minutes are those of the training that made the file, both cores added up; `python3 bench/acceptance.py NAME` makes the files of tasks, whose data, tests and goals stand in `bench/tasks.json`.", "",
             "## Phrasebook: every mechanism in the same model", "",
             "Unseen combinations; AER against the gold links under forced decoding, argmax. `python3 bench/mechanisms.py` makes these.", ""]
    lines += phrasebook("rnn", "Recurrent (`configs/phrasebook.yaml`)") + phrasebook("transformer", "Transformer (`configs/phrasebook-transformer.yaml`)")
    lines += tasks("Bundled data", False) + tasks("Real data", True) + defaults() + by_length() + speed() + before_after()
    (ROOT / "docs/results.md").write_text("\n".join(lines).rstrip() + "\n")
    write_readme()


if __name__ == "__main__":
    main()
