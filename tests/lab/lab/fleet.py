"""Several sites with a bgpd each, one peer that hears them all, and an etcd cluster."""

import calendar
import collections
import contextlib
import json
import os
import re
import signal
import socket
import threading
import time
from pathlib import Path

from .bgpd import Bgpd, Peer
from .dns import Nsd
from .namespaces import NetworkNamespace, command
from .network import _section, _toml
from .programs import Program, Withdrawd
from .scenery import Scenery
from .waiting import wait_until

PREFIX = "192.0.2.0/24"
ETCD = "/usr/bin/etcd"
HUB = "10.53.1.254"
DNS = "10.53.1.253"
RELAY = "10.53.1.210"


def missing_etcd():
    """Why there can be no fleet here, or None."""
    return None if os.access(ETCD, os.X_OK) else f"needs {ETCD}"


class Etcd:
    """One member of a cluster."""

    def __init__(self, namespace, directory, number, members, tls=(), context=None):
        self.context = context  # of a client, with TLS
        self.namespace, self.directory, self.number = namespace, Path(directory), number
        self.address = f"10.53.1.{200 + number}"
        self.scheme = "https" if tls else "http"
        self.url = f"{self.scheme}://{self.address}:2379"
        peers = ",".join(f"m{i}=http://10.53.1.{200 + i}:2380" for i in range(1, members + 1))
        self.argv = [
            ETCD, "--name", f"m{number}", "--data-dir", self.directory / f"etcd{number}",
            "--listen-client-urls", self.url, "--advertise-client-urls", self.url,
            "--listen-peer-urls", f"http://{self.address}:2380",
            "--initial-advertise-peer-urls", f"http://{self.address}:2380",
            "--initial-cluster", peers, "--initial-cluster-token", "lab",
            "--heartbeat-interval", "100", "--election-timeout", "1000",
            "--log-level", "warn", *tls,
        ]  # fmt: skip
        self.program = None
        self.start()

    def start(self):
        self.program = Program(
            self.namespace.enter(*self.argv), self.directory / f"etcd{self.number}.log"
        )

    @property
    def running(self):
        return self.program is not None and self.program.running

    def kill(self):
        self.program.kill()

    def freeze(self):
        self.program.signal(signal.SIGSTOP)

    def thaw(self):
        self.program.signal(signal.SIGCONT)

    def post(self, path, body, within=3):
        """What the JSON gateway answers."""
        with self.namespace.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
            sock.settimeout(within)
            sock.connect((self.address, 2379))
            if self.context:
                sock = self.context.wrap_socket(sock)
            text = json.dumps(body).encode()
            sock.sendall(
                f"POST {path} HTTP/1.0\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text
            )
            answer = b""
            while got := sock.recv(65536):
                answer += got
        head, _, rest = answer.partition(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n")[0]:
            raise OSError(f"etcd says {answer!r}")
        return json.loads(rest)

    def status(self):
        try:
            return self.post("/v3/maintenance/status", {})
        except (OSError, ValueError):
            return None

    def close(self):
        self.program.signal(signal.SIGCONT)
        self.program.close()


class Relay:
    """Passes bytes on to one address, each `delay` seconds late in either direction."""

    def __init__(self, namespace, target, delay=0.0):
        self.namespace, self.target, self.delay = namespace, target, delay
        self.url = f"http://{RELAY}:2379"
        self.sockets = []
        self.listener = namespace.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((RELAY, 2379))
        self.listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
                far = self.namespace.socket(socket.AF_INET, socket.SOCK_STREAM)
                far.connect((self.target, 2379))
            except OSError:
                return
            self.sockets += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source, sink):
        waiting = collections.deque()
        ready = threading.Condition()

        def send():
            while True:
                with ready:
                    ready.wait_for(lambda: waiting)
                    due, data = waiting.popleft()
                time.sleep(max(0.0, due - time.monotonic()))
                if not data:
                    sink.close()
                    return
                with contextlib.suppress(OSError):
                    sink.sendall(data)

        threading.Thread(target=send, daemon=True).start()
        while True:
            try:
                data = source.recv(65536)
            except OSError:
                data = b""
            with ready:
                waiting.append((time.monotonic() + self.delay, data))
                ready.notify()
            if not data:
                return

    def close(self):
        for one in (self.listener, *self.sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


class Site:
    """A namespace with a bgpd and, once it is started, a withdrawd."""

    def __init__(self, fleet, number):
        self.fleet, self.number, self.name = fleet, number, f"s{number}"
        self.address = f"10.53.1.{number}"
        self.directory = fleet.directory / self.name
        self.directory.mkdir()
        self.directory.chmod(0o755)
        self.namespace = NetworkNamespace(self.name)
        fleet.stack.callback(self.namespace.close)
        command(
            "ip", "link", "add", "to-hub", "netns", self.namespace.name, "type", "veth",
            "peer", "name", self.name, "netns", fleet.hub.name,
        )  # fmt: skip
        fleet.hub.ip("link", "set", self.name, "master", "bridge", "up")
        self.namespace.ip("address", "add", f"{self.address}/24", "dev", "to-hub")
        self.namespace.ip("link", "set", "to-hub", "up")
        self.bgpd = Bgpd(
            self.namespace,
            self.directory / "bgpd",
            f"""hostname {self.name}
router bgp 65001
 bgp router-id {self.address}
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor {HUB} remote-as 65002
 neighbor {HUB} advertisement-interval 0
 neighbor {HUB} timers connect 1
 address-family ipv4 unicast
  network {PREFIX}
 exit-address-family
""",
        )
        self.withdrawd = None
        self.runs = 0

    def configuration(self, rule=None, check=None, extra="", top=None, **fleet):
        top = {
            "state_file": self.directory / "state.json",
            "history_file": self.directory / "history.jsonl",
            "control_socket": self.directory / "control.sock",
            "lock_file": self.directory / "lock",
            **(top or {}),
        }
        bgpd = {
            "transports": ["socket"],
            "socket": self.bgpd.vty_directory / "bgpd.vty",
            "pid_file": self.bgpd.pid_file,
            "restart": [self.bgpd.start_script],
        }
        fleet = {
            "endpoints": self.fleet.urls(), "site": self.name, "keep_announcing": 2, "lease": "3s",
            **fleet,
        }  # fmt: skip
        check = {
            "server": DNS, "name": "www.test.com", "interval": "100ms", "fast_interval": "50ms",
            "timeout": "400ms", "rise": 1, **(check or {}),
        }  # fmt: skip
        rule = {"prefixes": [PREFIX], "checks": ["resolver"], "damping": False, **(rule or {})}
        return (
            "".join(_toml(key, value) for key, value in top.items())
            + _section("bgpd", bgpd) + _section("fleet", fleet)
            + _section("check.resolver", check) + _section("rule.anycast", rule) + extra
        )  # fmt: skip

    def enter(self, *argv):
        return self.namespace.enter(*argv)

    def start(self, **changes):
        path = self.directory / "withdrawd.toml"
        path.write_text(self.configuration(**changes))
        self.runs += 1
        self.withdrawd = Withdrawd(
            self.enter(self.fleet.program, "run", "-c", path),
            self.directory / f"withdrawd-{self.runs}.log",
        )
        return self.withdrawd

    def command(self, *argv):
        return command(
            *self.enter(self.fleet.program, argv[0], "-c", self.directory / "withdrawd.toml"),
            *map(str, argv[1:]), check=False,
        )  # fmt: skip

    def stop(self):
        if self.withdrawd:
            self.withdrawd.close()
            self.withdrawd = None
        for leftover in ("state.json", "lock", "control.sock"):
            (self.directory / leftover).unlink(missing_ok=True)

    def cut_off(self):
        """Nothing goes from here to etcd any more, and nothing says so."""
        for last in (*range(201, 204), 210):
            self.namespace.ip(
                "neigh", "replace", f"10.53.1.{last}", "lladdr", "02:00:00:00:00:01", "dev", "to-hub",
                "nud", "permanent",
            )  # fmt: skip

    def reconnect(self):
        for last in (*range(201, 204), 210):
            with contextlib.suppress(RuntimeError):
                self.namespace.ip("neigh", "del", f"10.53.1.{last}", "dev", "to-hub")


class Fleet(Scenery):
    """`sites` namespaces with a bgpd each, around a hub with `members` of etcd, a peer and DNS."""

    def __init__(self, program, sites=5, members=3, tls=(), context=None):
        super().__init__()
        self.program, self.count, self.members = Path(program), sites, members
        self.tls, self.context = tls, context
        self.relay = None

    def _build(self):
        self.hub = NetworkNamespace("hub")
        self.stack.callback(self.hub.close)
        self.hub.ip("link", "add", "bridge", "type", "bridge")
        for address in (HUB, DNS, RELAY, *(f"10.53.1.{200 + i}" for i in range(1, 4))):
            self.hub.ip("address", "add", f"{address}/24", "dev", "bridge")
        self.hub.ip("link", "set", "bridge", "up")
        self.etcd = []
        for number in range(1, self.members + 1):
            member = Etcd(self.hub, self.directory, number, self.members, self.tls, self.context)
            self.stack.callback(member.close)
            self.etcd.append(member)
        self.dns = Nsd(self.hub, self.directory / "dns", address=DNS)
        self.stack.callback(self.dns.close)
        neighbors = "".join(
            f" neighbor 10.53.1.{n} remote-as 65001\n neighbor 10.53.1.{n} timers connect 1\n"
            for n in range(1, self.count + 1)
        )
        self.peer = Peer(
            self.hub,
            self.directory / "peer",
            "hostname peer\ndebug bgp updates in\nrouter bgp 65002\n"
            f" bgp router-id {HUB}\n no bgp ebgp-requires-policy\n{neighbors}",
        )
        self.sites = [Site(self, number) for number in range(1, self.count + 1)]
        self.wait_for_announcing(self.count)

    def urls(self):
        return [self.relay.url] if self.relay else [member.url for member in self.etcd]

    def announcing(self):
        """The sites whose announcement the peer has."""
        seen = json.loads(self.peer.command(f"show bgp ipv4 unicast {PREFIX} json"))
        return sorted(path["peer"]["peerId"] for path in seen.get("paths", []))

    def wait_for_announcing(self, count, within=40):
        wait_until(
            f"{count} sites to be announcing", lambda: len(self.announcing()) == count, within
        )

    def leader(self):
        """The member that leads, or None."""
        for member in self.etcd:
            status = member.status() if member.running else None
            if status and status.get("leader") == status["header"]["member_id"]:
                return member
        return None

    def wait_for_leader(self, within=30):
        return wait_until("etcd to have a leader", self.leader, within)

    def records(self):
        """By site: what it has told of the prefix."""
        import base64

        begin = base64.b64encode(b"/withdrawd/").decode()
        end = base64.b64encode(b"/withdrawd0").decode()
        member = next(member for member in self.etcd if member.running)
        answer = member.post("/v3/kv/range", {"key": begin, "range_end": end})
        found = {}
        for one in answer.get("kvs", []):
            key = base64.b64decode(one["key"]).decode()
            if "/place/" in key:
                found[key.rsplit("/", 1)[1]] = json.loads(base64.b64decode(one["value"]))
        return found

    def wait_for_states(self, within=30, **states):
        wait_until(
            f"the records to be {states}",
            lambda: {k: v["state"] for k, v in self.records().items()} == states,
            within,
        )

    def start(self, sites=None, **changes):
        for site in sites or self.sites:
            site.start(**changes)
        for site in sites or self.sites:
            site.withdrawd.wait_for_line("the store answers", within=30)

    def all_up(self, within=40):
        states = {site.name: "up" for site in self.sites if site.withdrawd}
        self.wait_for_states(within, **states)

    def restore(self):
        """As it was built, and no withdrawd."""
        for site in self.sites:
            site.stop()
            site.reconnect()
        if self.relay:
            self.relay.close()
            self.relay = None
        for member in self.etcd:
            member.thaw()
            if not member.running:
                member.start()
        self.dns.repair()
        for site in self.sites:
            site.bgpd.thaw()
            if not site.bgpd.running():
                site.bgpd.start()
            site.bgpd.configure(65001, "ipv4", f"network {PREFIX}")
        self.wait_for_announcing(self.count)
        self.wait_for_leader()
        # What the last test has left ends with its leases.
        wait_until("the old records to be gone", lambda: not self.records(), within=30)

    def delayed(self, seconds):
        self.relay = Relay(self.hub, self.etcd[0].address, seconds)
        return self.relay

    EVENT = re.compile(
        r"^(\d+)/(\d+)/(\d+) (\d+):(\d+):(\d+)\.(\d{6}) BGP: (?:\[\S+\] )?"
        r"([0-9.]+)\S* rcvd (?:UPDATE about )?(\S+) IPv4 unicast(.*)$"
    )

    def fewest_announcing(self, since):
        """So many sites at the least have announced the prefix at one time, as the peer heard it."""
        announcing, fewest = set(), None
        for line in self.peer.log.read_text(errors="replace").splitlines():
            match = self.EVENT.match(line)
            if not match or match[9] != PREFIX:
                continue
            at = calendar.timegm(tuple(map(int, match.group(1, 2, 3, 4, 5, 6))))
            at += int(match[7]) / 1e6
            if at >= since and fewest is None:
                fewest = len(announcing)
            if "withdrawn" in match[10]:
                announcing.discard(match[8])
            else:
                announcing.add(match[8])
            if fewest is not None:
                fewest = min(fewest, len(announcing))
        return len(announcing) if fewest is None else fewest
