"""What asking a fleet for leave costs a withdrawal: the same host twice, side by side, one of them in
a fleet, with its etcd a link away; faults take turns. The DNS server is killed at a random moment
of the 100 ms between two questions, so the whole time to the withdrawal varies by that; what is
compared begins with the first question that nobody answered, as it went over the wire."""

import random
import socket
import statistics
import struct
import time

import etcd
import stage
from lab.dns import Nsd

BUDGET = 0.005
ETH_P_IP = 0x0800
SO_TIMESTAMPNS = 35
OTHER = '{"state":"up","announced":true,"health":"up","drained":false,"held":false,"since":1764000000}'
CHECK = [
    "[check.dns]", 'server = "127.0.0.1"', 'name = "www.test.com"', 'interval = "100ms"',
    'fast_interval = "100ms"', "[rule.anycast]", f'prefixes = ["{stage.PREFIX}"]',
    'checks = ["dns"]', "damping = false",
]  # fmt: skip
FLEET = [
    "[fleet]", 'endpoints = ["http://10.53.0.2:2379"]', 'group = "bench"', 'site = "here"',
    "keep_announcing = 1",
]


class Questions:
    """When each question to port 53 went over a namespace's loopback."""

    def __init__(self, namespace):
        self.socket = namespace.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.bind(("lo", ETH_P_IP))
        self.socket.setblocking(False)

    def take(self):
        """[seconds since the epoch, ...] since it was last called."""
        times = []
        while True:
            try:
                packet, control, _, _ = self.socket.recvmsg(128, 64)
            except BlockingIOError:
                return times
            header = 4 * (packet[0] & 15)
            if packet[9] == socket.IPPROTO_UDP and packet[header + 2 : header + 4] == b"\0\x35":
                seconds, nanoseconds = struct.unpack("@qq", control[0][2][:16])
                times.append(seconds + nanoseconds / 1e9)

    def close(self):
        self.socket.close()


class Host:
    """One of the two: a stage with a DNS server and a withdrawd."""

    def __init__(self, at, lines):
        self.at = at
        self.dns = Nsd(at.edge, at.directory / "dns")
        at.stack.callback(self.dns.close)
        self.questions = Questions(at.edge)
        at.stack.callback(self.questions.close)
        self.program = at.withdrawd(at.configuration([*lines, *CHECK]))
        self.gone, self.decided = [], []

    def announced(self, within=60):
        if not self.at.speaker.wait(lambda prefixes: stage.PREFIX in prefixes, within):
            raise RuntimeError("never announced")

    def fault(self):
        self.questions.take()
        mark, then = len(self.at.speaker.events), time.time()
        self.dns.program.kill()
        killed = time.time()
        if not self.at.speaker.wait(lambda prefixes: stage.PREFIX not in prefixes, 30):
            raise RuntimeError("never withdrawn")
        gone = self.at.speaker.events[mark][0]
        # One that was on its way when the server died may have been answered.
        asked = [at for at in self.questions.take() if killed <= at <= gone]
        self.gone.append(gone - then)
        if asked:
            self.decided.append(gone - asked[0])
        self.dns.repair()
        self.announced()


def measure(faults):
    """{"off": {"gone": [seconds, ...], "decided": [...]}, "on": ..., "difference": seconds}"""
    with stage.stage(name="off") as without, stage.stage(name="on") as within:
        store = etcd.Etcd("10.53.0.2", 2379, within.far.enter)
        within.stack.enter_context(store)
        make_socket = lambda: within.far.socket(socket.AF_INET, socket.SOCK_STREAM)
        store.wait(make_socket)
        # The other site, which stays.
        store.put(f"/withdrawd/1/bench/place/{stage.PREFIX}/there", OTHER, make_socket)
        hosts = {"off": Host(without, []), "on": Host(within, FLEET)}
        for host in hosts.values():
            host.announced()
        # With the first renewal of its lease it has looked for others to lean on.
        time.sleep(5)
        for _ in range(faults):
            for host in hosts.values():
                time.sleep(0.5 + random.random())
                host.fault()
        guarded = (within.directory / "program.log").read_text(errors="replace")
        if "without leave" in guarded:
            raise RuntimeError("it went without leave: etcd did not answer")
    result = {key: {"gone": host.gone, "decided": host.decided} for key, host in hosts.items()}
    medians = [statistics.median(result[key]["decided"]) for key in ("on", "off")]
    result["difference"] = medians[0] - medians[1]
    return result


def report(result):
    """Lines of Markdown."""
    lines = [
        "| killed DNS server, asked every 100 ms | fault to withdrawal, ms: median (min to max) "
        "| first unanswered question to withdrawal, ms: median (min to max) |",
        "|---|---|---|",
    ]
    for key, name in (("off", "no fleet"), ("on", "in a fleet")):
        cells = []
        for what in ("gone", "decided"):
            times = [1000 * seconds for seconds in result[key][what]]
            cells.append(f"{statistics.median(times):.1f} ({min(times):.1f} to {max(times):.1f})")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    held = "held" if result["difference"] <= BUDGET else "**not held**"
    lines += ["", f"Asking for leave costs {1000 * result['difference']:+.1f} ms in the median of "
              f"{len(result['on']['decided'])} faults; budget {1000 * BUDGET:.0f} ms: {held}."]
    return lines
