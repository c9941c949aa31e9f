"""Runs a program that times two things in turns and prints a line of JSON for each case."""
import json
import subprocess

FARTHEST = 0.03  # peaks before and after that differ by more belong to a disturbed run


def describe(row):
    r = row["ratio"]
    text = f"{row['case']:72} {r['median']:6.2f} ({r['low']:.2f} to {r['high']:.2f}) times {row['peer']}"
    if "gflops" in row:
        text += f", {row['gflops']['median']:.3g} GFLOP/s"
    if "share_of_peak" in row:
        text += f", {100 * row['share_of_peak']:.0f} % of the peak"
    if "gbytes" in row:
        text += f", {row['gbytes']:.1f} GB/s"
    if "share_of_read" in row:
        text += f", {100 * row['share_of_read']:.0f} % of what memory gives"
    if "error" in row:
        text += f", error {row['error']['median']:.2g}"
    return text + (", disturbed" if row.get("peaks_apart", 0) > FARTHEST else "")


def run_cases(command, environment=None, errors=None):
    """Prints each case as it comes and returns them. Ends where the program fails, except with a file for what it says of errors: then the
    exit code is returned beside the cases."""
    rows = []
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=errors, text=True, env=environment) as program:
        for line in program.stdout:
            rows.append(json.loads(line))
            print(describe(rows[-1]), flush=True)
    if errors is not None:
        return rows, program.returncode
    if program.returncode:
        raise SystemExit(program.returncode)
    return rows


def add_options(parser):
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--seconds", type=int, default=60, help="that the turns of a case may take; 5 are taken in any case")
    parser.add_argument("--only", default="", help="cases whose name holds this, or one of these with | between; nothing is written then")


def arguments_of(options, **changes):
    """Of a program of C++."""
    values = {"threads": options.threads, "pairs": options.pairs, "seconds": options.seconds, "only": options.only, **changes}
    return [f"{name}={value}" for name, value in values.items() if value != ""]
