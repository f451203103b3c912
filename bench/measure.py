"""bench/run, which see."""

import argparse
import hashlib
import json
import os
import platform
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE))

import stage  # first: it finds the lab

import faults
import report
import scale
from lab.namespaces import sweep


def machine():
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    name = names[0].split(":", 1)[1].strip() if names else platform.machine()
    return f"{len(os.sched_getaffinity(0))} cores of {name}, Linux {platform.release()}"


def write(text, plot):
    page = ROOT / "docs" / "performance.md"
    begin, end = "<!-- bench/run writes this -->\n", "<!-- to here -->"
    old = page.read_text()
    page.write_text(old[: old.index(begin) + len(begin)] + text + "\n" + old[old.index(end) :])
    (ROOT / "docs" / "performance.svg").write_text(plot)


def main():
    parser = argparse.ArgumentParser(prog="bench/run")
    parser.add_argument("--faults", type=int, default=30)
    parser.add_argument("--only", default="")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--results", type=Path, default=ROOT / "build-release" / "bench.json")
    options = parser.parse_args()
    results = {}
    if options.results.exists():
        results = json.loads(options.results.read_text())
    rows = [row for row in faults.ROWS + scale.ROWS if options.only in row.key]
    if not rows:
        sys.exit(f"no row has {options.only!r} in its key; there are: "
                 + " ".join(row.key for row in faults.ROWS + scale.ROWS))
    missed = []
    if not options.report:
        sweep()
        # What another build has shown is measured again.
        program = hashlib.sha256(Path(os.environ["WITHDRAWD"]).read_bytes()).hexdigest()
        for number, row in enumerate(rows, 1):
            ours = not row.key.startswith(("script", "exabgp"))
            known = results.get(row.key, {})
            if known and not options.again and (not ours or known["program"] == program):
                continue
            print(f"{number}/{len(rows)} {row.key}: {row.name} ...", file=sys.stderr, flush=True)
            try:
                result = row.measure(options.faults)
            except Exception as problem:  # the other rows are worth having
                missed.append(f"{row.key}: {problem!r}"[:1000])
                print(f"  failed: {missed[-1]}", file=sys.stderr, flush=True)
                continue
            # What else the machine had to do, in processes: 1 or so is the bench's own.
            results[row.key] = {**result, "load": os.getloadavg()[0], "program": program}
            options.results.parent.mkdir(exist_ok=True)
            options.results.with_suffix(".new").write_text(json.dumps(results))
            options.results.with_suffix(".new").replace(options.results)
    loads = [it["load"] for it in results.values()]
    busy = f"; load while it ran: up to {max(loads):.1f}" if loads else ""
    text = report.report(results, machine() + busy)
    text += f"\n\n{options.faults} faults a row; `bench/run --faults {options.faults}`"
    print(text)
    if options.write:
        write(text, report.svg(results))
    if missed:
        sys.exit("\nnot measured:\n" + "\n".join(missed))


if __name__ == "__main__":
    main()
