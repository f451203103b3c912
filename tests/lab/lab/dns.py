"""DNS: a real server with faults, one that writes down who asks, and a question."""

import os
import random
import signal
import socket
import struct
import threading
import time
from pathlib import Path

from .programs import Program
from .waiting import wait_until

RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}


def ask(namespace, server="127.0.0.1", port=53, name="www.test.com", timeout=0.5):
    """Asks for A records: the answer's code as text, "EMPTY" for NOERROR without an answer, and
    "REFUSED PORT" or "TIMEOUT" without any."""
    identity = random.randrange(0x10000)
    labels = b"".join(bytes([len(x)]) + x.encode() for x in name.rstrip(".").split("."))
    question = struct.pack("!6H", identity, 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"
    with namespace.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(timeout)
        sock.connect((server, port))
        try:
            sock.send(question)
            answer = sock.recv(4096)
        except ConnectionRefusedError:
            return "REFUSED PORT"
        except TimeoutError:
            return "TIMEOUT"
    got, flags, _, answers = struct.unpack("!4H", answer[:8])
    assert got == identity, "an answer to something else"
    code = RCODES.get(flags & 15, str(flags & 15))
    return "EMPTY" if code == "NOERROR" and not answers else code


class Nsd:
    """NSD in the foreground, serving test.com, with the faults that a DNS server can have."""

    FAULTS = ("killed", "frozen", "NXDOMAIN", "SERVFAIL")

    ZONE = """$ORIGIN test.com.
$TTL 60
@ SOA ns hostmaster {serial} 3600 600 86400 60
@ NS ns
ns A 127.0.0.1
{record}
"""
    RECORD = "www A 198.18.0.53"

    def __init__(self, namespace, directory, address="127.0.0.1", port=53):
        self.namespace, self.directory = namespace, Path(directory)
        self.address, self.port = address, port
        self.serial = 1
        self.directory.mkdir()
        self.zone = self.directory / "test.com.zone"
        (self.directory / "nsd.conf").write_text(f"""server:
    ip-address: {address}@{port}
    username: ""
    database: ""
    zonesdir: "{self.directory}"
    pidfile: "{self.directory}/nsd.pid"
    xfrdfile: "{self.directory}/xfrd.state"
    zonelistfile: "{self.directory}/zone.list"
    xfrdir: "{self.directory}"
    server-count: 1
    rrl-ratelimit: 0
    hide-version: yes
remote-control:
    control-enable: no
zone:
    name: "test.com"
    zonefile: "test.com.zone"
""")
        self._write_zone(self.RECORD)
        self.program = None
        self.start()

    def _write_zone(self, record):
        self.serial += 1
        fresh = self.zone.with_suffix(".new")
        fresh.write_text(self.ZONE.format(serial=self.serial, record=record))
        os.replace(fresh, self.zone)

    def _run(self):
        self.program = Program(
            self.namespace.enter("/usr/sbin/nsd", "-d", "-c", self.directory / "nsd.conf"),
            self.directory / "nsd.log",
        )

    def _reload(self):
        self.program.process.send_signal(signal.SIGHUP)

    def state(self):
        return ask(self.namespace, self.address, self.port, timeout=0.2)

    def _wait_for(self, state):
        wait_until(f"NSD to answer {state}", lambda: self.state() == state, within=10)

    def start(self):
        self._run()
        self._wait_for("NOERROR")

    def kill(self):
        """SIGKILL; the time at which it was sent."""
        at = time.time()
        self.program.kill()
        # Its children die with it, but not in the same moment, and they hold the port.
        self._wait_for("REFUSED PORT")
        return at

    def freeze(self):
        at = time.time()
        self.program.signal(signal.SIGSTOP)
        return at

    def thaw(self):
        self.program.signal(signal.SIGCONT)

    def fail(self, fault):
        """Has one of FAULTS; the time at which it began."""
        if fault == "killed":
            return self.kill()
        if fault == "frozen":
            return self.freeze()
        at = time.time()
        # NSD answers SERVFAIL for a zone that it has been told of and whose file makes no sense.
        self._write_zone("" if fault == "NXDOMAIN" else "www A not-an-address")
        self._reload()
        self._wait_for(fault)
        return at

    def repair(self):
        """Answers again, whatever it had."""
        at = time.time()
        self._write_zone(self.RECORD)
        if not self.program.running:
            self._run()
        else:
            self.thaw()
            self._reload()
        self._wait_for("NOERROR")
        return at

    def close(self):
        self.program.close()


class RecordingServer:
    """Answers every A question, and writes down when it was asked and by which process.

    The asking socket is open until we answer, so its owner can be looked up before that.
    """

    def __init__(self, namespace, asker_comm, address="127.0.0.1", port=53):
        self.namespace, self.asker_comm = namespace, asker_comm
        self.questions = []  # (monotonic seconds, pid or None)
        self.socket = namespace.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, port))
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.closing = False
        self.thread.start()

    def _serve(self):
        self.socket.settimeout(0.2)
        while not self.closing:
            try:
                query, asker = self.socket.recvfrom(4096)
            except TimeoutError:
                continue
            at = time.monotonic()
            self.questions.append((at, self._owner(asker[1])))
            end = query.index(b"\0", 12) + 5
            answer = query[:2] + b"\x84\x00\0\1\0\1\0\0\0\0" + query[12:end]
            answer += b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc6\x12\0\x35"
            self.socket.sendto(answer, asker)

    def _owner(self, port):
        for pid in self.namespace.pids(self.asker_comm):
            try:
                table = Path(f"/proc/{pid}/net/udp").read_text().splitlines()[1:]
                rows = [line.split() for line in table]
                inodes = {row[9] for row in rows if int(row[1].split(":")[1], 16) == port}
                for entry in os.scandir(f"/proc/{pid}/fd"):
                    target = os.readlink(entry.path)
                    if target.startswith("socket:[") and target[8:-1] in inodes:
                        return pid
            except OSError:
                continue  # It has ended meanwhile.
        return None

    def close(self):
        self.closing = True
        self.thread.join()
        self.socket.close()
