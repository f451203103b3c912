"""Many prefixes, many checks: what they cost, how long they take, and whether anybody has to wait."""

import re
import statistics
import subprocess
import time

from responder import Responder, lateness
from stage import PREFIX, many, share, stage, usage

SETTLED = 6  # seconds over which processor time is counted


def check(name, interval, **more):
    lines = [f"[check.{name}]", 'server = "127.0.0.1"', f'name = "{name}.test.com"']
    values = {"interval": interval, **more}
    return lines + [f'{key} = "{value}"' for key, value in values.items()]


def rule(name, prefixes, checks, **more):
    quoted = lambda words: "[" + ", ".join(f'"{word}"' for word in words) + "]"
    lines = [f"[rule.{name}]", f"prefixes = {quoted(prefixes)}", f"checks = {quoted(checks)}"]
    return [*lines, "damping = false", *(f"{key} = {value}" for key, value in more.items())]


def milliseconds(text):
    """What withdrawd writes: "3 ms", "0.5 ms", "1.2 s"."""
    number, unit = text.split()
    return float(number) / {"s": 1, "ms": 1e3}[unit]


def accepted(program):
    """How long the statements took, reading back included, says the log; once it says so."""
    line = program.wait_for_line("withdrawn in ", within=120)
    return milliseconds(re.search(r"withdrawn in ([\d.]+ \w+)", line.message)[1])


def reads(program, lookups):
    """Durations of the reads with so many look-ups, says the log."""
    pattern = re.compile(rf"bgpd read in ([\d.]+ \w+) through .*, {lookups} look-ups")
    found = (pattern.search(line.message) for line in program.lines(level="debug"))
    return [milliseconds(match[1]) for match in found if match]


class ScaleRow:
    """One rule, one check every 100 ms: all go, and all come back."""

    def __init__(self, prefixes, transport, budget=None):
        self.prefixes, self.transport, self.budget = prefixes, transport, budget
        self.key = f"scale-{prefixes}-{transport}"
        self.name = f"{prefixes} prefixes through {transport}"

    def measure(self, faults):
        prefixes = many(self.prefixes)
        with stage(prefixes=prefixes) as at:
            responder = Responder(at.edge)
            at.stack.callback(responder.close)
            lines = check("fails", "100ms", fast_interval="100ms")
            lines += rule("all", prefixes, ["fails"])
            program = at.withdrawd(
                at.configuration(lines, self.transport), "--log-level", "debug"
            )
            program.wait_for_health("fails", "up", within=60)
            assert at.speaker.wait(lambda heard: len(heard) >= self.prefixes, 120), "not announced"
            time.sleep(2)
            pids = [program.process.pid, *at.bgpd.pids()]
            healthy = share(pids, SETTLED + 5)  # a reading every 10 s is to be among it
            memory = usage(pids[0])[1]
            then = responder.fail()
            assert at.speaker.wait(lambda heard: not heard, 120), "never withdrawn"
            gone = at.speaker.events[-1][0] - then
            taken = accepted(program)
            time.sleep(2)
            sick = share(pids, SETTLED)
            then = responder.fail(False)
            assert at.speaker.wait(lambda heard: len(heard) >= self.prefixes, 120), "not back"
            back = at.speaker.events[-1][0] - then
            return {
                "prefixes": self.prefixes, "gone": gone, "accepted": taken, "back": back,
                "healthy": healthy, "sick": sick, "memory": max(memory, usage(pids[0])[1]),
                "read": statistics.median(reads(program, self.prefixes) or [0]),
            }


class ReadRow:
    """10,000 statements that stand, and one sick prefix, for which they are read every 0.8 s."""

    key, name = "read", "reading back 10,000 statements"

    def measure(self, faults):
        prefixes = many(10000)
        with stage(prefixes=(*prefixes, PREFIX)) as at:
            responder = Responder(at.edge)
            at.stack.callback(responder.close)
            responder.fail()
            lines = check("fails", "800ms") + check("well", "800ms")
            lines += rule("sick", [PREFIX], ["fails"]) + rule("well", prefixes, ["well"])
            program = at.withdrawd(at.configuration(lines), "--log-level", "debug")
            program.wait_for_health("well", "up", within=60)
            time.sleep(5)
            (sick,) = share([program.process.pid], 10)
            few = reads(program, 1)
            return {"statements": statistics.median(few), "count": len(few), "cpu": sick,
                    "all": statistics.median(reads(program, 10001))}


class CrowdRow:
    """1,000 checks once a second and 10,000 prefixes: the checks' questions are timed where they
    arrive, while nothing happens and while one check takes 10,000 prefixes with it."""

    key, name = "crowd", "1,000 checks once a second, 10,000 prefixes"

    def measure(self, faults):
        prefixes, others = many(10000), [f"c{i}" for i in range(999)]
        with stage(prefixes=(*prefixes, PREFIX)) as at:
            responder = Responder(at.edge)
            at.stack.callback(responder.close)
            lines = check("fails", "1s") + rule("all", prefixes, ["fails"])
            for name in others:
                lines += check(name, "1s")
            lines += rule("others", [PREFIX], others)
            program = at.withdrawd(at.configuration(lines))
            program.wait_for_health("fails", "up", within=60)
            program.wait_for_health("c998", "up", within=60)
            time.sleep(5)
            responder.take()
            (cpu,) = share([program.process.pid], 22)
            quiet = lateness(responder.take(), 1.0)
            memory = usage(program.process.pid)[1]
            time.sleep(5)
            then = responder.fail()
            assert at.speaker.wait(lambda heard: heard == {PREFIX}, 120), "never withdrawn"
            gone = at.speaker.events[-1][0] - then
            taken = accepted(program)
            time.sleep(5)
            arrivals = responder.take()
            arrivals.pop("fails")
            busy = [late for at_, late in lateness(arrivals, 1.0) if at_ >= then]
            quiet = sorted(late for _, late in quiet)
            return {
                "cpu": cpu, "memory": memory, "askings": len(quiet), "latest": quiet[-1],
                "latest-99.9": quiet[len(quiet) * 999 // 1000], "latest-busy": max(busy),
                "gone": gone, "accepted": taken,
            }


class OnceRow:
    """`withdrawd once` by socket, one rule that is well."""

    key, name = "once", "withdrawd once, exec to exit"
    LOOP = """
import os, sys, time
for _ in range(int(sys.argv[1])):
    begun = time.perf_counter()
    pid = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ, file_actions=[
        (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0)])
    status = os.waitpid(pid, 0)[1]
    print(time.perf_counter() - begun)
    assert status == 0, status
"""

    def measure(self, faults):
        import os

        with stage() as at:
            responder = Responder(at.edge)
            at.stack.callback(responder.close)
            file = at.configuration(check("well", "800ms") + rule("one", [PREFIX], ["well"]))
            loop = ["/usr/bin/python3", "-c", self.LOOP, str(faults), os.environ["WITHDRAWD"]]
            done = subprocess.run(
                at.edge.enter(*loop, "once", "-c", str(file)), stdout=subprocess.PIPE, text=True,
                check=True,
            )
            return {"times": [float(line) for line in done.stdout.split()]}


ROWS = [
    *(ScaleRow(prefixes, "socket") for prefixes in (10, 100, 1000)),
    ScaleRow(10000, "socket", 1.0),
    ScaleRow(10000, "telnet", 3.0),
    ScaleRow(10000, "vtysh", 5.0),
    ReadRow(),
    CrowdRow(),
    OnceRow(),
]
