#!/usr/bin/env python3
"""How much a fleet asks of a real etcd as it grows, and what asking for leave costs a withdrawal.

    bench/fleet.py                      10, 30, 100, 300 and 1,000 sites with 100 prefixes: 11 minutes
    bench/fleet.py --sites 10,100       these
    bench/fleet.py --leave              only what leave costs: 30 faults each, with a fleet and without
                                        (root; a bgpd, a BGP peer and a DNS server for each): 3 minutes
    bench/fleet.py --write              docs/fleet.md and docs/fleet.svg get what there is
    bench/fleet.py --report             measures nothing: prints what there is

Each site is withdrawd's own guard, membership and link to etcd (bench/fleet_sites.cpp), all in one
process, with a connection and a lease each; etcd is Debian's, with one member, and has what is left of
the processors. The parts of a run:
  join      the sites come, one every 30 ms: a lease and a record for each prefix
  rest      10 s in which nothing happens
  one       a site asks for leave for one prefix, and takes it back: 30 times
  one-all   a site asks for all its prefixes: 10 times
  all       every prefix falls sick at every site in the same moment, until each has its answer
  look      one site reads the whole fleet (`withdrawd fleet`)
  back      all are well again in the same moment

No build is timed that is not a release build: build-release, which this makes; or --build FOLDER.
Results are kept in build-release/fleet.json.
"""

import argparse
import json
import math
import os
import platform
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE))

import etcd

LONGEST = 600  # seconds for one size


def machine():
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    name = names[0].split(":", 1)[1].strip() if names else platform.machine()
    return f"{len(os.sched_getaffinity(0))} cores of {name}, Linux {platform.release()}"


def built(folder):
    """The folder with the programs, made if it is to be build-release."""
    if folder:
        subprocess.run(["ninja", "-C", folder, "--quiet", "bench/fleet_sites"], check=True)
        return folder
    folder = ROOT / "build-release"
    if not (folder / "meson-private/coredata.dat").exists():
        subprocess.run(["meson", "setup", folder, ROOT, "--buildtype=release", "-Dtests=false"],
                       check=True, stdout=subprocess.DEVNULL)  # fmt: skip
    targets = ["bench/fleet_sites", "src/cli/withdrawd"]
    subprocess.run(["ninja", "-C", folder, "--quiet", *targets], check=True)
    return folder


def grow(folder, sites, prefixes, keep, lease):
    """{part: figures}; what etcd has used of a processor meanwhile among them."""
    parts = {}
    with etcd.Etcd() as store:
        store.wait()
        program = subprocess.Popen(
            [str(Path(folder) / "bench/fleet_sites"), str(store.port), str(sites), str(prefixes),
             str(keep), str(lease)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        limit = threading.Timer(LONGEST, program.kill)
        limit.start()
        try:
            # A part's line comes when it is over; the next one begins with it.
            before, begin = store.seconds(), time.monotonic()
            for line in program.stdout:
                figures = json.loads(line)
                used = store.seconds()
                figures["etcd_seconds"] = used - before
                figures["real_seconds"] = time.monotonic() - begin
                before, begin = used, time.monotonic()
                parts[figures.pop("part")] = figures
                print(f"  {line.strip()}", file=sys.stderr, flush=True)
            if program.wait() != 0 or "back" not in parts:
                raise RuntimeError(f"fleet_sites ended with {program.returncode}")
        finally:
            limit.cancel()
            if program.poll() is None:
                program.kill()
                program.wait()
        parts["etcd"] = {"memory": store.memory(), "files": store.files()}
    expected = min(keep, sites)
    if parts["all"]["fewest_announced"] < expected:
        raise RuntimeError(f"the floor has not held: {parts['all']}")
    return parts


def total(figures):
    return sum(figures["requests"].values())


def mb(count):
    return f"{count / 1e6:.3g}" if count < 1e8 else f"{count / 1e6:.0f}"


def ms(seconds):
    return f"{1000 * seconds:.0f}" if seconds >= 0.0095 else f"{1000 * seconds:.1f}"


def spread(figures):
    all_of = figures["latencies"]
    return f"{ms(all_of['median'])} ({ms(all_of['most'])})" if all_of else ""


def table(sizes):
    lines = [
        "| sites | at rest: requests a second, kB a second, % of a core (etcd's) "
        "| leave for one prefix, ms: median (99 %) | leave for all prefixes of a site, ms "
        "| everything falls at once: until the last answer, s | requests | MB | etcd's processor, s "
        "| answers within 250 ms | sites that announce a prefix afterwards, at least | all back, s | one look at everything, s, MB | etcd's memory, files, MB |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for sites, it in sizes:
        rest, fall, back, look = it["rest"], it["all"], it["back"], it["look"]
        bytes_a_second = (rest["sent"] + rest["received"]) / rest["seconds"]
        answers = fall["latencies"]
        more = "more than " if fall["timed_out"] else ""
        lines.append(
            f"| {sites} | {total(rest) / rest['seconds']:.0f}, {bytes_a_second / 1e3:.1f}, "
            f"{100 * rest['etcd_seconds'] / rest['real_seconds']:.1f} "
            f"| {spread(it['one'])} | {spread(it['one-all'])} "
            f"| {more}{fall['seconds']:.1f} | {total(fall)} | {mb(fall['sent'] + fall['received'])} "
            f"| {fall['etcd_seconds']:.1f} | {100 * answers['in_time'] / answers['count']:.0f} % "
            f"| {fall['fewest_announced']} | {back['seconds']:.1f} | {look['seconds']:.2f}, {mb(look['received'])} "
            f"| {it['etcd']['memory'] / 1e6:.0f}, {it['etcd']['files'] / 1e6:.0f} |"
        )
    return lines


def slope(sizes, value):
    """By which power of the number of sites it grows, between the last two."""
    (n, a), (m, b) = ((sites, value(it)) for sites, it in sizes[-2:])
    return math.log(b / a) / math.log(m / n) if a > 0 and b > 0 else 0.0


GROWTH = (
    ("requests a second at rest", lambda it: total(it["rest"]) / it["rest"]["seconds"]),
    ("kB a second at rest",
     lambda it: (it["rest"]["sent"] + it["rest"]["received"]) / it["rest"]["seconds"] / 1e3),
    ("share of a core that etcd needs at rest",
     lambda it: it["rest"]["etcd_seconds"] / it["rest"]["real_seconds"]),
    ("MB until all have an answer, when everything falls at once",
     lambda it: (it["all"]["sent"] + it["all"]["received"]) / 1e6),
    ("seconds of that", lambda it: it["all"]["seconds"]),
    ("etcd's memory, MB", lambda it: it["etcd"]["memory"] / 1e6),
)  # fmt: skip


def on_paper(sizes, to=10_000):
    """What ten thousand would be, each figure going on as it grew last."""
    # What was broken off tells of no growth.
    sizes = [(sites, it) for sites, it in sizes if not it["all"]["timed_out"]]
    if len(sizes) < 2:
        return []
    lines = [f"| on paper, {to:,} sites | grows with the number of sites to the power of | would be |",
             "|---|---|---|"]  # fmt: skip
    sites, last = sizes[-1]
    for name, value in GROWTH:
        power = slope(sizes, value)
        would_be = value(last) * (to / sites) ** power
        shown = f"{would_be:,.0f}" if would_be >= 100 else f"{would_be:.2g}"
        lines.append(f"| {name} | {power:.2f} | {shown} |")
    return lines


def svg(sizes):
    """Two logarithmic scales: a line for each of what grows."""
    curves = [
        ("requests a second at rest", "#0a5fa5", lambda it: total(it["rest"]) / it["rest"]["seconds"]),
        ("leave for one prefix, ms", "#2c7a4b", lambda it: 1000 * it["one"]["latencies"]["median"]),
        ("leave for a site's 100 prefixes, ms", "#8a5a00",
         lambda it: 1000 * it["one-all"]["latencies"]["median"]),
        ("everything falls: MB", "#7a3f9d", lambda it: (it["all"]["sent"] + it["all"]["received"]) / 1e6),
        ("everything falls: s until the last answer", "#b3261e", lambda it: it["all"]["seconds"]),
    ]  # fmt: skip
    left, top, width, height, right = 60, 30, 460, 340, 290
    least, most = 0.1, 10_000
    first, last = 10, 1000
    x = lambda n: left + width * math.log(n / first) / math.log(last / first)
    y = lambda v: top + height * (1 - math.log(min(max(v, least), most) / least) / math.log(most / least))
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + right} {top + height + 50}" '
        'font-family="sans-serif" font-size="13">',
        "<title>What a fleet asks of etcd as it grows</title>",
        f'<rect width="100%" height="{top + height + 50}" fill="#fff"/>',
    ]
    for mark in (0.1, 1, 10, 100, 1000, 10_000):
        out.append(f'<line x1="{left}" y1="{y(mark):.1f}" x2="{left + width}" y2="{y(mark):.1f}" stroke="#ddd"/>'
                   f'<text x="{left - 8}" y="{y(mark) + 4:.1f}" text-anchor="end" fill="#333">{mark:,g}</text>')
    for sites, _ in sizes:
        out.append(f'<line x1="{x(sites):.1f}" y1="{top}" x2="{x(sites):.1f}" y2="{top + height}" stroke="#eee"/>'
                   f'<text x="{x(sites):.1f}" y="{top + height + 18}" text-anchor="middle" fill="#333">{sites:,}</text>')
    out.append(f'<text x="{left + width / 2}" y="{top + height + 40}" text-anchor="middle" fill="#333">sites, 100 prefixes each</text>')
    used = []
    for name, colour, value in curves:
        points = [(x(sites), y(value(it))) for sites, it in sizes]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3.5" fill="{colour}"/>' for a, b in points]
        at = points[-1][1]
        while any(abs(at - other) < 16 for other in used):
            at += 4
        used.append(at)
        out.append(f'<text x="{left + width + 12}" y="{at + 4:.1f}" fill="{colour}">{name}</text>')
    return "\n".join([*out, "</svg>", ""])


def report(results):
    sizes = sorted((int(sites), it) for sites, it in results.get("sizes", {}).items())
    lines = [f"Measured on {results.get('machine', machine())}."]
    loads = [it["load"] for _, it in sizes] + [it["load"] for it in [results.get("leave")] if it]
    if loads:
        lines[0] = lines[0][:-1] + f"; load while it ran: up to {max(loads):.1f}."
    if sizes:
        lines += ["", *table(sizes), "", *on_paper(sizes)]
    if results.get("leave"):
        import leave

        lines += ["", *leave.report(results["leave"])]
    return "\n".join(lines), sizes


def write(text, sizes):
    page = ROOT / "docs" / "fleet.md"
    begin, end = "<!-- bench/fleet.py writes this -->\n", "<!-- to here -->"
    old = page.read_text()
    page.write_text(old[: old.index(begin) + len(begin)] + text + "\n" + old[old.index(end) :])
    if sizes:
        (ROOT / "docs" / "fleet.svg").write_text(svg(sizes))


def main():
    parser = argparse.ArgumentParser(
        prog="bench/fleet.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sites", default="10,30,100,300,1000", help="how many, with commas")
    parser.add_argument("--prefixes", type=int, default=100)
    parser.add_argument("--keep", type=int, default=2, help="keep_announcing")
    parser.add_argument("--lease", type=int, default=10, help="seconds; [fleet] has 10")
    parser.add_argument("--leave", action="store_true", help="measure only what leave costs")
    parser.add_argument("--faults", type=int, default=30, help="of --leave, each")
    parser.add_argument("--build", type=Path, help="a build folder other than build-release")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--results", type=Path, default=ROOT / "build-release" / "fleet.json")
    options = parser.parse_args()
    results = json.loads(options.results.read_text()) if options.results.exists() else {}

    def keep():
        options.results.parent.mkdir(exist_ok=True)
        options.results.write_text(json.dumps(results))

    if not options.report:
        folder = built(options.build)
        results["machine"] = machine()
        if options.leave:
            os.environ.setdefault("WITHDRAWD", str(Path(folder).resolve() / "src/cli/withdrawd"))
            import leave

            results["leave"] = {**leave.measure(options.faults), "load": os.getloadavg()[0]}
            keep()
        else:
            # Each site has a connection, and etcd two.
            _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
            sizes = [int(sites) for sites in options.sites.split(",")]
            results["sizes"] = {}
            for sites in sizes:
                print(f"{sites} sites ...", file=sys.stderr, flush=True)
                figures = grow(folder, sites, options.prefixes, options.keep, options.lease)
                results["sizes"][str(sites)] = {**figures, "load": os.getloadavg()[0]}
                keep()
    text, sizes = report(results)
    print(text)
    if options.write:
        write(text, sizes)


if __name__ == "__main__":
    main()
