"""Where and of what a result was made: every file in bench/results says it under "made"."""
import datetime
import json
import os
import platform
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def processor_name():
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        fields = {}
        for line in lines:
            key, _, value = line.partition(":")
            fields.setdefault(key.strip(), value.strip())
    name = fields.get("model name") or platform.processor()
    wide = next((label for flag, label in (("amx_tile", "AMX"), ("avx512_bf16", "AVX-512 bf16"), ("avx512f", "AVX-512"), ("avx2", "AVX2"))
                 if flag in fields.get("flags", "").split()), platform.machine())
    # Virtual machines often hide the name; family and model tell the kind of processor.
    return f"{name}, family {fields.get('cpu family', '?')} model {fields.get('model', '?')}, {wide}"


def made(threads=None):
    """The commit (with + when files differ from it), the processor and the day."""
    def git(*words):
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    commit = git("rev-parse", "--short=10", "HEAD") + ("+" if git("status", "--porcelain", "--untracked-files=no", "--", "src", "include", "apps", "configs") else "")
    entry = {"commit": commit, "processor": processor_name(), "processors": os.cpu_count(), "date": datetime.date.today().isoformat()}
    return entry if threads is None else {**entry, "threads": threads}


def write_result(path, result):
    """Writes `result` and how it was made."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**result, "made": made(result.get("threads"))}, indent=2) + "\n")
