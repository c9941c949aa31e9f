"""Where and of what a result was made, and what the benches of trainings share: every file that they write says it under "made"."""
import datetime
import json
import os
import platform
import re
import resource
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


GENERATIONS = {"amd-23-49": "Zen 2", "amd-25-1": "Zen 3", "amd-25-17": "Zen 4", "amd-26-2": "Zen 5", "intel-6-85": "Skylake or Cascade Lake",
               "intel-6-106": "Ice Lake", "intel-6-143": "Sapphire Rapids", "intel-6-207": "Emerald Rapids"}
SETS = {"portable": "portable", "avx2": "AVX2", "avx512": "AVX-512", "avx512_vnni": "AVX-512 VNNI", "avx512_bf16": "AVX-512 bf16"}


def processor_fields():
    fields = {}
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            key, _, value = line.partition(":")
            fields.setdefault(key.strip(), value.strip())
    return fields


def processor_name():
    fields = processor_fields()
    name = fields.get("model name") or platform.processor()
    wide = next((label for flag, label in (("amx_tile", "AMX"), ("avx512_bf16", "AVX-512 bf16"), ("avx512_vnni", "AVX-512 VNNI"), ("avx512f", "AVX-512"), ("avx2", "AVX2"))
                 if flag in fields.get("flags", "").split()), platform.machine())
    # Virtual machines often hide the name; family and model tell the kind of processor.
    return f"{name}, family {fields.get('cpu family', '?')} model {fields.get('model', '?')}, {wide}"


def kind_of(processor):
    """amd-26-2 and the like, of what processor_name() gave: maker, family and model."""
    found = re.search(r"family (\w+) model (\w+)", processor)
    maker = next((maker for maker in ("amd", "intel") if maker in processor.lower()), platform.machine())
    return f"{maker}-{found[1]}-{found[2]}" if found else maker


def heading(result, isa):
    """What a table calls the processor of a result and the instruction set that ran."""
    maker, *numbers = kind_of(result["made"]["processor"]).split("-")
    name = {"amd": "AMD", "intel": "Intel"}.get(maker, maker) + (f" family {numbers[0]} model {numbers[1]}" if len(numbers) == 2 else "")
    generation = GENERATIONS.get("-".join([maker, *numbers]))
    return f"{name}{f' ({generation})' if generation else ''}, {SETS.get(isa, isa)}"


def result_path(what, isa):
    """One file for each kind of processor and instruction set, so that none overwrites another's."""
    return ROOT / f"bench/results/{what}-{kind_of(processor_name())}-{isa}.json"


def commit():
    """The commit of the checkout, with + when what the figures depend on differs from it."""
    def git(*words):
        return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
    changed = git("status", "--porcelain", "--untracked-files=no", "--", "src", "include", "apps", "configs", ":(glob)bench/*.json")
    return git("rev-parse", "--short=10", "HEAD") + ("+" if changed else "")


def made(threads=None):
    """The commit, the processor and the day. Ask for it before a long run: the checkout may move on meanwhile."""
    entry = {"commit": commit(), "processor": processor_name(), "processors": os.cpu_count(), "date": datetime.date.today().isoformat()}
    return entry if threads is None else {**entry, "threads": threads}


def write_json(path, value):
    """Writes the whole file or leaves the old one."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    os.replace(beside, path)


def write_result(path, result, stamp):
    """Writes `result` and, from made(), what it was made of."""
    write_json(path, {**result, "made": stamp})


def processor_seconds():
    """Of the processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def last_validation(run):
    """The last line of a training's metrics: step, seconds, figures."""
    return json.loads((Path(run) / "metrics.jsonl").read_text(encoding="utf-8").splitlines()[-1])


def parameters_of(program, run):
    info = subprocess.run([program, "info", str(run)], check=True, capture_output=True, text=True).stdout
    return next(int(line.split()[1]) for line in info.splitlines() if line.startswith("parameters"))
