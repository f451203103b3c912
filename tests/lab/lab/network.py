"""The lab as a whole."""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

from . import software
from .bgpd import Bgpd, Peer, sockets_of
from .dns import Nsd
from .namespaces import MountNamespace, NetworkNamespace, PidNamespace, command, sweep
from .programs import Program, Withdrawd
from .scenery import Scenery
from .waiting import wait_until

__all__ = ["Lab", "Prefixes", "missing_requirements", "sweep"]


class Prefixes:
    """What the edge announces."""

    PLAIN = "192.0.2.0/24"
    TAGGED = "198.51.100.0/24"  # with route-map TAG
    IPV6 = "2001:db8:53::/48"
    OTHER = "203.0.113.0/24"  # in a rule of its own, with a check of its own
    OTHER_IPV6 = "2001:db8:54::/48"  # in no rule

    ANYCAST = {PLAIN, TAGGED, IPV6}
    STAYING = {OTHER, OTHER_IPV6}
    ALL = ANYCAST | STAYING

    COMMUNITY = "65001:100"  # what TAG sets
    SICK = "65001:666"  # what route-map SICK sets
    DRAIN = "65001:999"  # what route-map DRAIN sets


VTY_PASSWORD = "zebra"
ENABLE_PASSWORD = "secret"

EDGE = f"""hostname edge
password {VTY_PASSWORD}
enable password {ENABLE_PASSWORD}
!
route-map TAG permit 10
 set community {Prefixes.COMMUNITY}
!
route-map SICK permit 10
 set community {Prefixes.SICK}
!
route-map DRAIN permit 10
 set community {Prefixes.DRAIN}
!
router bgp 65001
 bgp router-id 10.53.0.1
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor 10.53.0.2 remote-as 65002
 neighbor 10.53.0.2 advertisement-interval 0
 neighbor 10.53.0.2 timers connect 1
 neighbor fd53::2 remote-as 65002
 neighbor fd53::2 advertisement-interval 0
 neighbor fd53::2 timers connect 1
 !
 address-family ipv4 unicast
  network {Prefixes.PLAIN}
  network {Prefixes.TAGGED} route-map TAG
  network {Prefixes.OTHER}
  no neighbor fd53::2 activate
 exit-address-family
 !
 address-family ipv6 unicast
  network {Prefixes.IPV6}
  network {Prefixes.OTHER_IPV6}
  neighbor fd53::2 activate
 exit-address-family
!
"""

PEER = """hostname peer
debug bgp updates in
!
router bgp 65002
 bgp router-id 10.53.0.2
 no bgp ebgp-requires-policy
 neighbor 10.53.0.1 remote-as 65001
 neighbor 10.53.0.1 timers connect 1
 neighbor fd53::1 remote-as 65001
 neighbor fd53::1 timers connect 1
 !
 address-family ipv4 unicast
  no neighbor fd53::1 activate
 exit-address-family
 !
 address-family ipv6 unicast
  neighbor fd53::1 activate
 exit-address-family
!
"""


class Lab(Scenery):
    """Two namespaces, "edge" with bgpd and DNS servers, "peer" with the BGP peer.

    `program` is the withdrawd to try. With `pid_namespace`, what runs at the edge is in a PID
    namespace of its own, where bgpd is the only one of that name; `prepare` is shell text for its
    mounts, in which {directory} is the lab's.
    """

    def __init__(self, program, pid_namespace=False, bgp=True, name="", prepare=""):
        super().__init__()
        self.program = Path(program)
        self.pid_namespace, self.bgp, self.name = pid_namespace, bgp, name
        self.prepare = prepare
        self.runs = 0

    def _build(self):
        self.edge = NetworkNamespace(f"edge{self.name}")
        self.stack.callback(self.edge.close)
        self.place = self.edge
        self.software = software.at_the_edge()
        sockets = sockets_of(self.directory / "edge")
        sockets.mkdir(parents=True)
        mounts = self.software.mounts(sockets)
        if self.pid_namespace:
            # What withdrawd keeps under /run and /var/lib by default is not the host's in here.
            self.place = PidNamespace(
                self.edge,
                "mount -t tmpfs tmpfs /run\nmount -t tmpfs tmpfs /var/lib\n"
                + mounts + self.prepare.format(directory=self.directory),
            )
        elif mounts:
            self.place = MountNamespace(self.edge, mounts)
        if self.place is not self.edge:
            self.stack.callback(self.place.close)
        self.dns = Nsd(self.edge, self.directory / "dns")
        self.stack.callback(self.dns.close)
        self.other_dns = Nsd(self.edge, self.directory / "other-dns", address="127.0.0.2")
        self.stack.callback(self.other_dns.close)
        if self.bgp:
            self._build_bgp()

    def _build_bgp(self):
        self.far = NetworkNamespace(f"peer{self.name}")
        self.stack.callback(self.far.close)
        command(
            "ip", "link", "add", "to-peer", "netns", self.edge.name, "type", "veth",
            "peer", "name", "to-edge", "netns", self.far.name,
        )
        for namespace, link, host in ((self.edge, "to-peer", 1), (self.far, "to-edge", 2)):
            namespace.ip("address", "add", f"10.53.0.{host}/24", "dev", link)
            namespace.ip("address", "add", f"fd53::{host}/64", "dev", link, "nodad")
            # Without link-local addresses: Quagga announces its own as a next hop, too, and an FRR
            # without zebra refuses that.
            namespace.ip("link", "set", link, "addrgenmode", "none", "up")
        self.peer = Peer(self.far, self.directory / "peer", PEER)
        self.bgpd = Bgpd(self.place, self.directory / "edge", EDGE)
        self.wait_for_announcements()

    def wait_for_announcements(self, prefixes=frozenset(Prefixes.ALL), within=30):
        """Until the peer has exactly these, by established sessions."""
        wait_until(
            f"the peer to have {sorted(prefixes)}",
            lambda: self.peer.established() and self.peer.prefixes() == prefixes,
            within,
        )

    def restore(self):
        """As it was built, whatever a test has left behind."""
        self.dns.repair()
        self.other_dns.repair()
        for leftover in ("state.json", "history.jsonl", "lock", "control.sock"):
            (self.directory / leftover).unlink(missing_ok=True)
        self.bgpd.thaw()
        self.bgpd.ensure_zebra()
        if not self.bgpd.running():
            self.bgpd.start()
        self.bgpd.configure(
            65001, "ipv4", f"network {Prefixes.PLAIN}", f"network {Prefixes.TAGGED} route-map TAG",
            f"network {Prefixes.OTHER}",
        )
        self.bgpd.configure(
            65001, "ipv6", f"network {Prefixes.IPV6}", f"network {Prefixes.OTHER_IPV6}"
        )
        self.wait_for_announcements()

    def secret(self, name, text):
        path = self.directory / name
        path.write_text(text + "\n")
        path.chmod(0o600)
        return path

    def bgpd_section(self, transports=("socket", "vtysh", "telnet"), **changes):
        """The lines of a [bgpd] section that reaches this lab's bgpd; a change to None leaves a
        line out."""
        values = {
            "transports": list(transports),
            "socket": self.bgpd.vty_directory / "bgpd.vty",
            # Quagga's vtysh has no such option.
            "vtysh_socket_dir": None if self.software.is_quagga else self.bgpd.vty_directory,
            "telnet": "127.0.0.1:2605",
            "password_file": self.secret("vty-password", VTY_PASSWORD),
            "enable_password_file": self.secret("enable-password", ENABLE_PASSWORD),
            "pid_file": self.bgpd.pid_file,
            "restart": [self.bgpd.start_script],
            **changes,
        }
        return "[bgpd]\n" + "".join(_toml(k, v) for k, v in values.items() if v is not None)

    def configuration(
        self, transports=("socket", "vtysh", "telnet"), bgpd=None, fallback=None, check=None,
        rule=None, top=None, other=True,
    ):
        """A configuration with a rule "anycast" for Prefixes.ANYCAST, and one for Prefixes.OTHER
        if `other`."""
        text = "".join(
            _toml(key, value)
            for key, value in {
                "state_file": self.directory / "state.json",
                "history_file": self.directory / "history.jsonl",
                "control_socket": self.directory / "control.sock",
                "lock_file": self.directory / "lock",
                **(top or {}),
            }.items()
        )
        quick = {"interval": "100ms", "fast_interval": "50ms", "timeout": "150ms"}
        text += self.bgpd_section(transports, **(bgpd or {})) + "\n"
        text += _section("fallback", fallback or {})
        check = check or {}
        asked = {"server": "127.0.0.1", "name": "www.test.com", **quick}
        text += _section("check.resolver", check if "type" in check else {**asked, **check})
        anycast = {"prefixes": sorted(Prefixes.ANYCAST), "checks": ["resolver"], **(rule or {})}
        text += _section("rule.anycast", anycast)
        if not other:
            return text
        text += _section("check.other", {"server": "127.0.0.2", "name": "www.test.com", **quick})
        text += _section("rule.other", {"prefixes": [Prefixes.OTHER], "checks": ["other"]})
        return text

    def write(self, text, name="withdrawd.toml"):
        path = self.directory / name
        path.write_text(text)
        return path

    @contextlib.contextmanager
    def withdrawd(self, *arguments, env=None, as_member=False):
        """Runs it at the edge; killed if it still runs when this is left."""
        self.runs += 1
        argv = [*self._as_member(), self._copy()] if as_member else [self.program]
        program = Withdrawd(
            self.place.enter(*argv, *map(str, arguments)),
            self.directory / f"withdrawd-{self.runs}.log",
            env,
        )
        try:
            yield program
        finally:
            program.close()

    def _as_member(self):
        """What starts a program as a user who is a member of bgpd's vty group and nothing else."""
        return [
            "setpriv", "--reuid=nobody", "--regid=nogroup",
            f"--groups={self.software.vty_group}", "--no-new-privs",
            "--inh-caps=-all", "--bounding-set=-all",
        ]

    def _copy(self):
        """The program where that user may run it."""
        copy = self.directory / "withdrawd"
        if not copy.exists():
            shutil.copy(self.program, copy)
        return copy

    def start_as_member(self, *arguments, within=60, program=None):
        """withdrawd, or another program, as that user."""
        done = subprocess.run(
            self.place.enter(*self._as_member(), program or self._copy(), *map(str, arguments)),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=within,
        )
        return done.returncode, done.stdout

    def start(self, *arguments, within=60):
        """A short run of withdrawd, to its end: (exit status, what it printed)."""
        with self.withdrawd(*arguments) as program:
            status = program.wait(within)
            return status, program.text()


def _toml(key, value):
    if isinstance(value, (list, tuple)):
        return f"{key} = [{', '.join(_quoted(x) for x in value)}]\n"
    if isinstance(value, bool):
        return f"{key} = {str(value).lower()}\n"
    if isinstance(value, (int, float)):
        return f"{key} = {value}\n"
    if isinstance(value, dict):
        inside = ", ".join(_toml(k, v).strip() for k, v in value.items())
        return f"{key} = {{ {inside} }}\n"
    return f"{key} = {_quoted(value)}\n"


def _quoted(value):
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _section(name, values):
    return f"[{name}]\n" + "".join(_toml(key, value) for key, value in values.items()) + "\n"


def missing_requirements():
    """Why there can be no lab here, or None."""
    if os.geteuid() != 0:
        return "needs root"
    for program in (software.at_the_edge().bgpd, software.at_the_peer().bgpd, "/usr/sbin/nsd"):
        if not os.access(program, os.X_OK):
            return f"needs {program}"
    for program in ("ip", "nsenter", "unshare", "vtysh"):
        if not shutil.which(program):
            return f"needs {program}"
    try:
        NetworkNamespace("probe").close()
    except (RuntimeError, OSError) as error:
        return f"needs network namespaces: {error}"
    return None
