"""bench/run, which see."""

import argparse
import contextlib
import os
import random
import socket
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT / "tests" / "lab"), str(HERE)]

from lab.bgpd import Bgpd
from lab.dns import Nsd
from lab.namespaces import NetworkNamespace, command, sweep
from lab.programs import Program
from lab.waiting import wait_until
from speaker import Speaker

PREFIX = "192.0.2.0/24"
EDGE = f"""hostname edge
password zebra
router bgp 65001
 bgp router-id 10.53.0.1
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor 10.53.0.2 remote-as 65002
 neighbor 10.53.0.2 advertisement-interval 0
 neighbor 10.53.0.2 timers connect 1
 address-family ipv4 unicast
  network {PREFIX}
 exit-address-family
!
"""


class Stage:
    """Two namespaces, a DNS server and bgpd here, the stopwatch there."""

    def __init__(self, directory, stack, with_bgpd):
        self.directory = directory
        self.edge = NetworkNamespace("benchedge")
        stack.callback(self.edge.close)
        self.far = NetworkNamespace("benchpeer")
        stack.callback(self.far.close)
        command(
            "ip", "link", "add", "to-peer", "netns", self.edge.name, "type", "veth",
            "peer", "name", "to-edge", "netns", self.far.name,
        )
        for namespace, link, host in ((self.edge, "to-peer", 1), (self.far, "to-edge", 2)):
            namespace.ip("address", "add", f"10.53.0.{host}/24", "dev", link)
            namespace.ip("link", "set", link, "up")
        self.speaker = Speaker(self.far.socket, "10.53.0.2", 65002)
        stack.callback(self.speaker.close)
        self.dns = Nsd(self.edge, directory / "dns")
        stack.callback(self.dns.close)
        self.bgpd = Bgpd(self.edge, directory / "edge", EDGE) if with_bgpd else None

    def run(self, stack, *argv, env=None):
        program = Program(self.edge.enter(*map(str, argv)), self.directory / "program.log", env)
        stack.callback(program.close)
        return program


def withdrawd(transport="socket", **check):
    def start(stage, stack):
        password = stage.directory / "password"
        password.write_text("zebra\n")
        password.chmod(0o600)
        lines = [f'state_file = "{stage.directory}/state.json"']
        lines += [f'{key} = "{stage.directory}/{key}"' for key in ("control_socket", "lock_file")]
        lines += ['history_file = ""', "[bgpd]", f'transports = ["{transport}"]']
        lines += [f'socket = "{stage.bgpd.vty_directory}/bgpd.vty"']
        lines += [f'vtysh_socket_dir = "{stage.bgpd.vty_directory}"']
        lines += [f'password_file = "{password}"', f'pid_file = "{stage.bgpd.pid_file}"']
        lines += [f'restart = ["{stage.bgpd.start_script}"]']
        lines += ["[check.dns]", 'server = "127.0.0.1"', 'name = "www.test.com"']
        lines += [f'{key} = "{value}"' for key, value in check.items()]
        # Forty faults in a row would be damped, as they should be.
        lines += ["[rule.anycast]", f'prefixes = ["{PREFIX}"]', 'checks = ["dns"]', "damping = false"]
        configuration = stage.directory / "withdrawd.toml"
        configuration.write_text("\n".join(lines) + "\n")
        return stage.run(stack, os.environ["WITHDRAWD"], "run", "-c", configuration)

    return start


def script(stage, stack):
    return stage.run(
        stack, "/usr/bin/python3", HERE / "script.py", stage.bgpd.pid_file, stage.bgpd.start_script
    )


def exabgp(stage, stack):
    configuration = stage.directory / "exabgp.conf"
    helper = stage.directory / "healthcheck"
    helper.write_text(
        "#!/bin/sh\nexec /usr/bin/python3 -m exabgp healthcheck --no-syslog"
        " --cmd 'drill -u @127.0.0.1 www.test.com | grep -q NOERROR' --interval 1"
        f" --fast-interval 1 --timeout 1 --rise 3 --fall 1 --withdraw-on-down --ip {PREFIX}"
        " --next-hop 10.53.0.1 --no-ip-setup\n"
    )
    helper.chmod(0o755)
    configuration.write_text(f"""process watch {{
  run {helper};
  encoder text;
}}
neighbor 10.53.0.2 {{
  router-id 10.53.0.1;
  local-address 10.53.0.1;
  local-as 65001;
  peer-as 65002;
  api {{ processes [ watch ]; }}
}}
""")
    environment = {
        "exabgp.daemon.user": "root", "exabgp.daemon.drop": "false", "exabgp.log.all": "false",
        "exabgp.api.cli": "false",
    }
    return stage.run(stack, "/usr/sbin/exabgp", configuration, env=environment)


@dataclass
class Row:
    name: str
    fault: str  # of the DNS server: "kill" or "freeze"
    start: object
    budget: float | None = None  # seconds: for the median
    worst: float | None = None
    bgpd: bool = True
    gone: list = field(default_factory=list)  # seconds from the fault to the peer
    back: list = field(default_factory=list)  # and from the repair
    cpu: float = 0.0
    memory: float = 0.0


FAST = {"interval": "100ms", "fast_interval": "100ms"}
ROWS = [
    Row("withdrawd, socket, 100 ms: DNS killed", "kill", withdrawd(**FAST), 0.130, 0.250),
    Row("withdrawd, telnet, 100 ms: DNS killed", "kill", withdrawd("telnet", **FAST)),
    Row("withdrawd, vtysh, 100 ms: DNS killed", "kill", withdrawd("vtysh", **FAST)),
    Row(
        "withdrawd, socket, 100 ms: DNS frozen", "freeze", withdrawd(timeout="200ms", **FAST), 0.330
    ),
    Row("withdrawd, defaults: DNS killed", "kill", withdrawd()),
    Row("withdrawd, defaults: DNS frozen", "freeze", withdrawd()),
    Row("the 2016 script: DNS killed", "kill", script),
    Row("the 2016 script: DNS frozen", "freeze", script),
    Row("ExaBGP healthcheck: DNS killed", "kill", exabgp, bgpd=False),
    Row("ExaBGP healthcheck: DNS frozen", "freeze", exabgp, bgpd=False),
]


def usage(program):
    """Processor seconds so far and resident bytes, with all descendants."""
    pids, seconds, memory = [program.process.pid], 0.0, 0
    for pid in pids:
        with contextlib.suppress(OSError, ValueError):
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            # With those that have ended and been waited for.
            seconds += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
            memory += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
            pids += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return seconds, memory


def measure(row, faults):
    import shutil
    import tempfile

    with contextlib.ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix=f"wd-lab-{os.getpid()}-", dir="/tmp"))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        directory.chmod(0o755)
        stage = Stage(directory, stack, row.bgpd)
        program = row.start(stage, stack)
        announced = lambda prefixes: PREFIX in prefixes
        withdrawn = lambda prefixes: PREFIX not in prefixes
        assert stage.speaker.wait(announced, 60), "never announced"
        time.sleep(5)
        before, begun = usage(program)[0], time.monotonic()
        time.sleep(10)
        after, row.memory = usage(program)
        row.cpu = (after - before) / (time.monotonic() - begun)
        for _ in range(faults):
            time.sleep(1 + random.random())
            mark = len(stage.speaker.events)
            at = time.time()
            if row.fault == "kill":
                stage.dns.program.kill()
            else:
                stage.dns.freeze()
            assert stage.speaker.wait(withdrawn, 30), "never withdrawn"
            row.gone.append(stage.speaker.events[mark][0] - at)
            time.sleep(0.5 + random.random())
            mark = len(stage.speaker.events)
            at = time.time()
            stage.dns.repair()
            at = min(at, time.time()) if row.fault == "freeze" else time.time()
            assert stage.speaker.wait(announced, 60), "never announced again"
            row.back.append(stage.speaker.events[mark][0] - at)


def main():
    parser = argparse.ArgumentParser(prog="bench/run")
    parser.add_argument("--faults", type=int, default=30)
    parser.add_argument("--only", default="")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    sweep()
    rows = [row for row in ROWS if options.only in row.name]
    for row in rows:
        print(f"{row.name} ...", file=sys.stderr, flush=True)
        measure(row, options.faults)
        print("  " + line(row, None), file=sys.stderr, flush=True)
    text = report(rows, options)
    print(text)
    if options.write:
        write(text, rows)


def milliseconds(seconds):
    return f"{1000 * seconds:.0f}"


def spread(times):
    low, high = min(times), max(times)
    return f"{milliseconds(statistics.median(times))} ({milliseconds(low)} to {milliseconds(high)})"


def reference(rows, fault):
    for row in rows:
        if row.start is script and row.fault == fault and row.gone:
            return statistics.median(row.gone)
    return None


def line(row, script_median):
    median = statistics.median(row.gone)
    ratio = f"{median / script_median:.2f}" if script_median else ""
    budget = ""
    if row.budget:
        held = median <= row.budget and (not row.worst or max(row.gone) <= row.worst)
        budget = f"{milliseconds(row.budget)}"
        if row.worst:
            budget += f", worst {milliseconds(row.worst)}"
        budget += ": held" if held else ": not held"
    return (
        f"| {row.name} | {spread(row.gone)} | {ratio} | {budget} | {spread(row.back)} "
        f"| {100 * row.cpu:.1f} | {row.memory / 1e6:.0f} |"
    )


def report(rows, options):
    text = [
        "| what | fault to withdrawal, ms: median (min to max) | of the script's | budget, ms "
        "| repair to announcement, ms | % of a core | MB resident |",
        "|---|---|---|---|---|---|---|",
    ]
    text += [line(row, reference(rows, row.fault)) for row in rows]
    text.append("")
    text.append(f"{options.faults} faults a row; `bench/run --faults {options.faults}`")
    return "\n".join(text)


def svg(rows):
    """Every fault a dot, every row a line; logarithmic."""
    import math

    left, top, step, width = 300, 30, 30, 560
    height = top + step * len(rows) + 40
    x = lambda seconds: left + width * math.log10(max(seconds, 0.03) / 0.03) / math.log10(100)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 30} {height}" '
        'font-family="sans-serif" font-size="13">',
        "<title>From a DNS fault to the withdrawal at a BGP peer</title>",
        f'<rect width="100%" height="{height}" fill="#fff"/>',
    ]
    for mark in (0.03, 0.1, 0.3, 1, 3):
        out.append(
            f'<line x1="{x(mark):.1f}" y1="{top - 10}" x2="{x(mark):.1f}" y2="{height - 30}" '
            f'stroke="#ddd"/><text x="{x(mark):.1f}" y="{height - 12}" text-anchor="middle" '
            f'fill="#333">{milliseconds(mark)} ms</text>'
        )
    for index, row in enumerate(rows):
        y = top + step * index + 8
        ours = row.name.startswith("withdrawd")
        colour = "#0a5fa5" if ours else "#8a5a00"
        out.append(f'<text x="10" y="{y + 4}" fill="#222">{row.name}</text>')
        out += [
            f'<circle cx="{x(seconds):.1f}" cy="{y}" r="3.5" fill="{colour}" fill-opacity="0.35"/>'
            for seconds in row.gone
        ]
        median = x(statistics.median(row.gone))
        out.append(
            f'<line x1="{median:.1f}" y1="{y - 9}" x2="{median:.1f}" y2="{y + 9}" '
            f'stroke="{colour}" stroke-width="2"/>'
        )
    return "\n".join([*out, "</svg>", ""])


def write(text, rows):
    page = ROOT / "docs" / "performance.md"
    begin, end = "<!-- bench/run writes this -->\n", "<!-- to here -->"
    old = page.read_text()
    page.write_text(old[: old.index(begin) + len(begin)] + text + "\n" + old[old.index(end) :])
    (ROOT / "docs" / "performance.svg").write_text(svg(rows))


if __name__ == "__main__":
    main()
