"""A bgpd, FRR's or Quagga's, and one that plays the peer."""

import calendar
import json
import os
import re
import signal
import socket
from pathlib import Path

from . import software
from .namespaces import command
from .waiting import wait_until


def sockets_of(directory):
    """Where the bgpd has its sockets whose files are in `directory`."""
    return Path(directory) / "vty"


class VtyError(Exception):
    """bgpd refused a command, or did not answer."""


class Bgpd:
    """A bgpd that runs as a daemon, as on a host: whoever restarts it uses `start_script`.

    `place` is the network or PID namespace that it runs in. Its files are in `directory`.
    """

    def __init__(self, place, directory, configuration, kind=None):
        self.place, self.directory = place, Path(directory)
        self.kind = kind or software.at_the_edge()
        self.directory.mkdir(exist_ok=True)
        self.vty_directory = sockets_of(self.directory)
        self.vty_directory.mkdir(exist_ok=True)
        self.configuration = self.directory / "bgpd.conf"
        self.log = self.directory / "bgpd.log"
        self.pid_file = self.directory / "bgpd.pid"
        self.start_script = self.directory / "start-bgpd"
        self.configuration.write_text(
            f"log file {self.log} debugging\nlog timestamp precision 6\n"
            f"{self.kind.configuration(configuration)}"
        )
        self.start_script.write_text(f"""#!/bin/sh
# Starts this bgpd in the namespace of whoever calls.
echo "starting bgpd"
TZ=UTC exec {self.kind.bgpd} -d -A 127.0.0.1 -P 2605 -f {self.configuration} -i {self.pid_file} \\
    {self.kind.arguments(self.vty_directory)}
""")
        self.start_script.chmod(0o755)
        self.kind.own(self.directory, self.vty_directory, self.configuration)
        self.start()

    def start(self):
        self.ensure_zebra()
        command(*self.place.enter(str(self.start_script)))
        wait_until("bgpd's vty to answer", self.answers, within=10)

    def ensure_zebra(self):
        """A Quagga's runs, as it must before bgpd is started."""
        if not self.kind.zebra or self.place.pids("zebra"):
            return
        configuration = self.directory / "zebra.conf"
        configuration.write_text("hostname edge\n")
        self.kind.own(configuration)
        command(*self.place.enter(
            str(self.kind.zebra), "-d", "-f", str(configuration), "-P", "0",
            "-i", str(self.directory / "zebra.pid"), "-z", str(self.vty_directory / "zserv.api"),
        ))

    def pids(self):
        return self.place.pids("bgpd")

    def running(self):
        return bool(self.pids())

    def answers(self):
        try:
            return bool(self.command("show version"))
        except (OSError, VtyError):
            return False

    def kill(self):
        self._signal(signal.SIGKILL)
        wait_until("bgpd to be gone", lambda: not self.running(), within=5)

    def freeze(self):
        self._signal(signal.SIGSTOP)

    def thaw(self):
        self._signal(signal.SIGCONT)

    def _signal(self, number):
        for pid in self.pids():
            os.kill(pid, number)

    def command(self, *lines, within=5):
        """What bgpd's vty answers to the lines, typed one after the other in the enable node."""
        answers = []
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(within)
            sock.connect(str(self.vty_directory / "bgpd.vty"))
            for line in ("enable", *lines):
                sock.sendall(line.encode() + b"\0")
                answer = b""
                while not (len(answer) >= 4 and answer[-4:-1] == b"\0\0\0"):
                    got = sock.recv(65536)
                    if not got:
                        raise VtyError(f"hung up at {line!r}")
                    answer += got
                if answer[-1] != 0:
                    raise VtyError(f"{line!r}: status {answer[-1]}: {answer[:-4].decode()}")
                answers.append(answer[:-4].decode())
        return "".join(answers)

    def configure(self, asn, family, *statements):
        self.command(
            "configure terminal", f"router bgp {asn}", f"address-family {family} unicast",
            *statements, "end",
        )

    def networks(self):
        """The prefixes with a `network` statement in the running configuration."""
        return set(re.findall(r"^ +network (\S+)", self.command("show running-config"), re.M))


class Peer(Bgpd):
    """The bgpd at the other end, which tells what it heard, and when."""

    def __init__(self, place, directory, configuration):
        super().__init__(place, directory, configuration, software.at_the_peer())

    def prefixes(self):
        found = set()
        for family in ("ipv4", "ipv6"):
            found |= set(json.loads(self.command(f"show bgp {family} unicast json"))["routes"])
        return found

    def communities(self, prefix):
        family = "ipv6" if ":" in prefix else "ipv4"
        seen = json.loads(self.command(f"show bgp {family} unicast {prefix} json"))
        return seen["paths"][0].get("community", {}).get("string", "") if "paths" in seen else ""

    def sessions(self):
        """By neighbor address: state, how often established and dropped, milliseconds up."""
        seen = {}
        for address, it in json.loads(self.command("show bgp neighbors json")).items():
            if not isinstance(it, dict):
                continue
            seen[address] = {
                "state": it["bgpState"],
                "established": it["connectionsEstablished"],
                "dropped": it["connectionsDropped"],
                "up": it.get("bgpTimerUpMsec", 0),
            }
        return seen

    def changes_since(self, before):
        """What has happened to the sessions since `before`, a `sessions()`: nothing, if they are
        the same and were up all the time."""
        changes = []
        for address, now in self.sessions().items():
            then = before[address]
            same = all(now[key] == then[key] for key in ("state", "established", "dropped"))
            if not same or now["up"] < then["up"]:
                changes.append(f"{address}: {then} became {now}")
        return changes

    def established(self):
        sessions = self.sessions()
        return bool(sessions) and all(x["state"] == "Established" for x in sessions.values())

    EVENT = re.compile(
        r"^(\d+)/(\d+)/(\d+) (\d+):(\d+):(\d+)\.(\d{6}) BGP: (?:\[\S+\] )?"
        r"\S+ rcvd (?:UPDATE about )?([0-9a-f:.]+/\d+) IPv[46] unicast(.*)$"
    )

    def events(self, since=0.0):
        """[(seconds since the epoch, "announced" or "withdrawn", prefix)], from its log."""
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            if match := self.EVENT.match(line):
                at = calendar.timegm(tuple(map(int, match.group(1, 2, 3, 4, 5, 6))))
                at += int(match[7]) / 1e6
                if at >= since:
                    verb = "withdrawn" if "withdrawn" in match[9] else "announced"
                    found.append((at, verb, match[8]))
        return found

    def heard(self, verb, prefix, since=0.0):
        """When it first heard this, or None."""
        return next((at for at, v, p in self.events(since) if (v, p) == (verb, prefix)), None)

