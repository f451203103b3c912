"""Programs that the lab runs, and withdrawd among them."""

import contextlib
import os
import re
import signal
import subprocess
from pathlib import Path

from .waiting import wait_until


class Program:
    """A program in a process group of its own, its output in a file."""

    def __init__(self, argv, output, env=None):
        self.argv = [str(word) for word in argv]
        self.output = output
        with open(output, "ab") as out:
            self.process = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True, env={**os.environ, "TZ": "UTC", **(env or {})},
            )

    @property
    def running(self):
        return self.process.poll() is None

    def signal(self, number):
        """To the whole process group."""
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    def kill(self):
        """SIGKILL, and gone when this returns."""
        self.signal(signal.SIGKILL)
        self.process.wait()

    def wait(self, within):
        """Its exit status."""
        return self.process.wait(timeout=within)

    def text(self):
        try:
            return self.output.read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def pids(self):
        """The program's own. To enter a PID namespace nsenter is not replaced by the program, but
        waits for it; and such a namespace ends only when all in it have been waited for."""
        pid = self.process.pid
        if self.argv[0] != "nsenter" or "--pid" not in self.argv:
            return [pid]
        try:
            return [int(x) for x in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        except OSError:
            return []

    def signal_it(self, number):
        """To the program alone."""
        if not self.running:
            return
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def close(self):
        self.signal_it(signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=5)
        # Others of its group may live.
        self.signal(signal.SIGKILL)
        self.process.wait()


class LogLine:
    """`2026-11-23T03:31:21.123Z warning rule "anycast": …`"""

    def __init__(self, text):
        self.text = text
        match = re.match(r"(\S+Z) (debug|info|warning|error|critical) (.*)", text)
        self.level = match[2] if match else None
        self.message = match[3] if match else text

    def __repr__(self):
        return self.text


class Withdrawd(Program):
    """withdrawd, and what it logs."""

    def lines(self, level=None, containing=""):
        found = [LogLine(text) for text in self.text().splitlines()]
        return [
            line for line in found if level in (None, line.level) and containing in line.message
        ]

    def wait_for_line(self, containing, level=None, within=5, after=0):
        """The first line of this kind among those after the first `after` of all lines."""

        def probe():
            for line in self.lines()[after:]:
                if containing in line.message and level in (None, line.level):
                    return line
            self.assert_running()
            return None

        return wait_until(f'withdrawd to log "{containing}"', probe, within)

    def assert_running(self):
        assert self.running, f"withdrawd ended, status {self.process.returncode}: {self.text()}"

    def peak_kib(self):
        """Of memory: the most that it has had."""
        status = Path(f"/proc/{self.pids()[0]}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))

    def wait_for_health(self, check, health, within=5, after=0):
        """Until it says that a check has become up or down."""

        def probe():
            for line in self.lines()[after:]:
                if f'check "{check}"' in line.message and f": {health}, was" in line.message:
                    return line
            self.assert_running()
            return None

        return wait_until(f'withdrawd to log check "{check}" {health}', probe, within)

    def terminate(self, within=5):
        """SIGTERM; its exit status."""
        self.signal_it(signal.SIGTERM)
        return self.wait(within)

