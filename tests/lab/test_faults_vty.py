"""Ways into bgpd that fail in every manner: the next one does the work, and nothing piles up."""

import os
import shutil
import socket
import threading
import time
from pathlib import Path

import pytest

from lab import Prefixes, Withdrawd, stays, wait_until
from lab.lying_dns import LyingDns
from lab.network import ENABLE_PASSWORD, VTY_PASSWORD
from lab.vty_proxy import END, TelnetProxy, VtyProxy


class FakeVty:
    """Listens in the place of bgpd's vty, and does `behave` with each connection."""

    def __init__(self, sock, behave):
        self.sock, self.behave, self.closing = sock, behave, False
        self.calls = 0
        sock.listen(16)
        sock.settimeout(0.1)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while not self.closing:
            try:
                conversation = self.sock.accept()[0]
            except TimeoutError:
                continue
            self.calls += 1
            threading.Thread(target=self._converse, args=(conversation,), daemon=True).start()

    def _converse(self, conversation):
        with conversation:
            conversation.settimeout(10)
            try:
                self.behave(conversation)
            except OSError:
                pass  # It was hung up on.

    def close(self):
        self.closing = True
        self.thread.join()
        self.sock.close()


def wait_for_hang_up(sock):
    while sock.recv(65536):
        pass


def gigabyte(sock):
    sock.recv(100)
    for _ in range(1024):
        sock.sendall(b"x" * (1 << 20))


def no_terminator(sock):
    sock.recv(100)
    sock.sendall(b"Current configuration:\n!\n")
    wait_for_hang_up(sock)


def garbage(sock):
    sock.recv(100)
    sock.sendall(b"\0\1\2\0\0\0\0\0\xff" * 50)
    wait_for_hang_up(sock)


def hangs_up(sock):
    sock.recv(100)


SOCKET_FAULTS = {
    "a gigabyte of answer": gigabyte,
    "no terminator": no_terminator,
    "garbage": garbage,
    "hangs": wait_for_hang_up,
    "hangs up": hangs_up,
}

BANNER = b"\xff\xfb\x01\xff\xfb\x03\xff\xfe\x22\xff\xfd\x1f\r\n"


def baited(sock):
    sock.sendall(BANNER + b"Password: edge# edge(config)# \r\nUser Access Verification\r\n\r\n")
    wait_for_hang_up(sock)


def asks_for_ever(sock):
    while True:
        sock.sendall(b"\r\nPassword: ")
        if not sock.recv(100):
            return


def drips(sock):
    sock.sendall(BANNER)
    while True:
        sock.sendall(b".")
        time.sleep(0.05)


TELNET_FAULTS = {
    "hangs after connect": wait_for_hang_up,
    "a banner with prompts": baited,
    "asks for the password for ever": asks_for_ever,
    "drips for ever": drips,
    "hangs up": lambda sock: sock.sendall(BANNER),
    "a gigabyte": lambda sock: [sock.sendall(b"x" * (1 << 20)) for _ in range(1024)],
}

VTYSH_FAULTS = {
    "missing": None,
    "not executable": "",
    "hanging": "#!/bin/sh\nsleep 1000 & sleep 1000\n",
    "a megabyte": "#!/bin/sh\nhead -c 1000000 /dev/zero | tr '\\0' x\n",
    "killed midway": "#!/bin/sh\necho Building configuration...\nkill -9 $$\n",
    "exits 0 without effect": "#!/bin/sh\nexit 0\n",
}


def children(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def falls_through(lab, measured, fault, transports, bgpd, within):
    """The sick prefixes go, by another transport; the others and bgpd stay."""
    pids = lab.bgpd.pids()
    sessions = lab.peer.sessions()
    configuration = lab.write(lab.configuration(transports=transports, bgpd=bgpd))
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up", within=10)
        withdrawd.wait_for_health("other", "up", within=10)
        killed_at = lab.dns.kill()
        lab.wait_for_announcements(Prefixes.STAYING, within=within + 1)
        heard = lab.peer.events(since=killed_at)
        took = max(at for at, _, _ in heard) - killed_at
        measured(f"{transports[0]}, {fault}: withdrawn at the peer after {took:.2f} s")
        assert took < within
        assert {(v, p) for _, v, p in heard} == {("withdrawn", p) for p in Prefixes.ANYCAST}
        line = withdrawd.wait_for_line(f"{Prefixes.PLAIN} withdrawn", level="warning")
        assert f"through {transports[1]}" in line.message or transports[1] in line.message
        pid = withdrawd.pids()[0]
        lab.dns.repair()
        lab.wait_for_announcements(Prefixes.ALL, within=10)
        wait_until("no child to be left", lambda: len(children(pid)) <= 1, within=5)
        # An answer may be 64 MiB long before it is cut off. A sanitized program takes more.
        assert "ASAN_OPTIONS" in os.environ or withdrawd.peak_kib() < 200 * 1024
        assert withdrawd.lines("critical") == []
        assert withdrawd.terminate(within=12) == 0
    assert lab.bgpd.pids() == pids
    assert lab.peer.changes_since(sessions) == []


@pytest.mark.parametrize("fault", SOCKET_FAULTS)
def test_a_socket_that_does_not_answer_right(lab, measured, fault):
    path = lab.directory / "fake.vty"
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    fake = FakeVty(listening, SOCKET_FAULTS[fault])
    try:
        bgpd = {"socket": path, "socket_timeout": "500ms"}
        falls_through(lab, measured, fault, ["socket", "telnet"], bgpd, within=3)
        assert fake.calls > 0
    finally:
        fake.close()


def test_a_socket_that_says_that_nothing_is_configured(lab):
    """As a bgpd does that has just begun; but this one's table has the prefixes."""
    proxy = VtyProxy(lab.bgpd, lab.directory / "empty")
    configuration = lab.write(
        lab.configuration(
            transports=["socket", "telnet"],
            bgpd={"socket": proxy.path, "reconcile_interval": "100ms"},
            check={"interval": "100ms", "fast_interval": "50ms"},
        )
    )
    try:
        with lab.withdrawd("run", "-c", configuration) as withdrawd:
            withdrawd.wait_for_health("resolver", "up")
            withdrawd.wait_for_health("other", "up")
            proxy.instead["show running-config"] = b"!\n" + END + b"\0"
            time.sleep(0.5)  # It has been read a few times before anything falls sick.
            lab.dns.kill()
            lab.wait_for_announcements(Prefixes.STAYING, within=3)
    finally:
        proxy.close()


def test_a_socket_file_that_nobody_listens_on(lab, measured):
    path = lab.directory / "stale.vty"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    try:
        falls_through(lab, measured, "stale", ["socket", "telnet"], {"socket": path}, within=1)
    finally:
        path.unlink()


@pytest.fixture
def nobody(lab):
    """A folder of a user who is no member of the vty group, who may read its passwords."""
    home = lab.directory / "nobody"
    home.mkdir(exist_ok=True)
    program = home / "withdrawd"
    shutil.copy(lab.program, program)
    shutil.chown(home, "nobody", "nogroup")
    return home, program


def test_a_socket_that_may_not_be_opened(lab, nobody, measured):
    home, program = nobody
    pids, sessions = lab.bgpd.pids(), lab.peer.sessions()
    secrets = {}
    for key, text in (("password_file", VTY_PASSWORD), ("enable_password_file", ENABLE_PASSWORD)):
        secrets[key] = lab.secret(f"nobody/{key}", text)
        shutil.chown(secrets[key], "nobody")
    files = ("state_file", "history_file", "control_socket", "lock_file")
    configuration = lab.write(
        lab.configuration(
            transports=["socket", "vtysh", "telnet"], bgpd={**secrets, "retry_transport": "10ms"},
            top={name: home / name for name in files},
        )
    )
    as_nobody = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--no-new-privs")
    withdrawd = Withdrawd(
        lab.place.enter(*as_nobody, program, "run", "-c", configuration), lab.directory / "nobody.log"
    )
    try:
        withdrawd.wait_for_health("resolver", "up", within=10)
        withdrawd.wait_for_health("other", "up", within=10)
        killed_at = lab.dns.kill()
        lab.wait_for_announcements(Prefixes.STAYING, within=3)
        heard = lab.peer.events(since=killed_at)
        measured(
            f"socket and vtysh not permitted: withdrawn by telnet after "
            f"{max(at for at, _, _ in heard) - killed_at:.2f} s"
        )
        assert {(v, p) for _, v, p in heard} == {("withdrawn", p) for p in Prefixes.ANYCAST}
        line = withdrawd.wait_for_line(f"{Prefixes.PLAIN} withdrawn", level="warning")
        assert "through telnet" in line.message
        assert "permission denied (run withdrawd in the socket's group: frrvty or" in line.message
        assert "vtysh: run vtysh: it failed to connect to bgpd" in line.message
        lab.dns.repair()
        lab.wait_for_announcements(Prefixes.ALL, within=5)
        assert withdrawd.lines("critical") == []
    finally:
        withdrawd.close()
    assert lab.bgpd.pids() == pids
    assert lab.peer.changes_since(sessions) == []


@pytest.mark.parametrize("fault", TELNET_FAULTS)
def test_a_telnet_that_does_not_answer_right(lab, measured, fault):
    listening = lab.edge.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", 2699))
    fake = FakeVty(listening, TELNET_FAULTS[fault])
    try:
        bgpd = {"telnet": "127.0.0.1:2699", "telnet_timeout": "500ms"}
        falls_through(lab, measured, fault, ["telnet", "socket"], bgpd, within=3)
        assert fake.calls > 0
    finally:
        fake.close()


def byte_by_byte(sock, said):
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for at in range(len(said)):
        sock.sendall(said[at : at + 1])


def with_options(sock, said):
    """DO TERMINAL-TYPE, a subnegotiation of it, WILL of an option that there is not, and a NOP."""
    sock.sendall(b"\xff\xfd\x18\xff\xfa\x18\x01\xff\xf0\xff\xfb\x63\xff\xf1" + said)


@pytest.fixture
def telnet_proxy(lab):
    proxy = TelnetProxy(lab.edge, 2697)
    yield proxy
    proxy.close()


@pytest.mark.parametrize(
    ("speak", "hostname"),
    ((byte_by_byte, "edge"), (with_options, "edge"), (socket.socket.sendall, "e#1>x(config)#y>")),
    ids=("one byte at a time", "options nobody expects", "a hostname with # and >"),
)
def test_a_telnet_that_is_odd_and_works(lab, measured, telnet_proxy, speak, hostname):
    telnet_proxy.speak = speak
    lab.bgpd.command("configure terminal", f"hostname {hostname}", "end")
    try:
        bgpd = {"telnet": "127.0.0.1:2697"}
        configuration = lab.write(lab.configuration(transports=["telnet"], bgpd=bgpd))
        with lab.withdrawd("run", "-c", configuration) as withdrawd:
            withdrawd.wait_for_health("resolver", "up")
            withdrawd.wait_for_health("other", "up")
            killed_at = lab.dns.kill()
            lab.wait_for_announcements(Prefixes.STAYING, within=3)
            heard = lab.peer.events(since=killed_at)
            assert {(v, p) for _, v, p in heard} == {("withdrawn", p) for p in Prefixes.ANYCAST}
            lab.dns.repair()
            lab.wait_for_announcements(Prefixes.ALL, within=5)
            assert lab.peer.communities(Prefixes.TAGGED) == Prefixes.COMMUNITY
            assert withdrawd.lines("error") == withdrawd.lines("critical") == []
    finally:
        lab.bgpd.command("configure terminal", "hostname edge", "end")


def test_a_telnet_that_hangs_up_at_one_point_after_the_other(lab, measured, telnet_proxy):
    pids, sessions = lab.bgpd.pids(), lab.peer.sessions()
    dns = LyingDns(lab.edge)
    since = time.time()
    try:
        text = lab.configuration(
            transports=["telnet", "socket"], check={"server": "127.0.0.3", "rise": 1},
            bgpd={"telnet": "127.0.0.1:2697", "retry_transport": "10ms"}, rule={"damping": False},
        )
        with lab.withdrawd("run", "-c", lab.write(text)) as withdrawd:
            withdrawd.wait_for_health("resolver", "up")
            withdrawd.wait_for_health("other", "up")
            points = range(10, 1000, 45)
            for number, point in enumerate(points):
                cuts, telnet_proxy.cut = telnet_proxy.cuts, point
                sick = number % 2 == 0
                dns.lie = "empty" if sick else None
                expected = Prefixes.STAYING if sick else Prefixes.ALL
                wait_until(
                    f"bgpd to have {sorted(expected)}, telnet being cut after {point} bytes",
                    lambda: lab.bgpd.networks() == expected and telnet_proxy.cuts > cuts, within=5,
                )
            measured(f"telnet: hung up on after {len(points)} numbers of bytes, the socket did it")
            telnet_proxy.cut = dns.lie = None
            lab.wait_for_announcements(Prefixes.ALL, within=5)
            assert withdrawd.lines("warning", "(telnet 127.0.0.1:2697: ")
            assert withdrawd.lines("critical") == []
    finally:
        dns.close()
    assert {prefix for _, _, prefix in lab.peer.events(since)} <= Prefixes.ANYCAST
    assert lab.bgpd.pids() == pids
    assert lab.peer.changes_since(sessions) == []


@pytest.mark.parametrize("secret", ("password_file", "enable_password_file"))
def test_a_wrong_telnet_password(lab, measured, secret):
    bgpd = {secret: lab.secret("wrong", "wrong")}
    falls_through(lab, measured, f"wrong {secret}", ["telnet", "socket"], bgpd, within=2)


@pytest.mark.parametrize("fault", VTYSH_FAULTS)
def test_a_vtysh_that_does_not_work(lab, measured, fault):
    path = lab.directory / "sick-vtysh"
    path.unlink(missing_ok=True)
    if VTYSH_FAULTS[fault] is not None:
        path.write_text(VTYSH_FAULTS[fault])
        path.chmod(0o644 if fault == "not executable" else 0o755)
    bgpd = {"vtysh": path, "vtysh_timeout": "500ms"}
    falls_through(lab, measured, fault, ["vtysh", "socket"], bgpd, within=3)
    assert not [
        pid for pid in lab.edge.pids("sleep") if os.readlink(f"/proc/{pid}/exe").endswith("sleep")
    ]


def test_a_bgpd_frozen_after_a_withdrawal_is_left_alone(lab):
    pids = lab.bgpd.pids()
    configuration = lab.write(lab.configuration(fallback={"after": "1s"}))
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("other", "up")
        lab.dns.kill()
        lab.wait_for_announcements(Prefixes.STAYING, within=5)
        lab.bgpd.freeze()
        stays("bgpd", lambda: lab.bgpd.pids() == pids, seconds=2.5)
        lab.bgpd.thaw()
        lab.dns.repair()
        lab.wait_for_announcements(Prefixes.ALL, within=10)
        assert withdrawd.lines("critical") == []


def test_a_bgpd_that_thaws_before_the_fallback_is_told_and_not_killed(lab):
    pids = lab.bgpd.pids()
    configuration = lab.write(lab.configuration(transports=["socket"], fallback={"after": "5s"}))
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("other", "up")
        lab.bgpd.freeze()
        lab.dns.kill()
        withdrawd.wait_for_health("resolver", "down")
        withdrawd.wait_for_line("bgpd", level="error", within=4)
        lab.bgpd.thaw()
        lab.wait_for_announcements(Prefixes.STAYING, within=3)
        assert lab.bgpd.pids() == pids
        assert withdrawd.lines("critical") == []
