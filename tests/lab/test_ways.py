"""The ways into bgpd: which is found, which is trusted, and that each leaves the others their turn."""

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time

import pytest

from lab import Late, Prefixes, wait_until
from lab.network import ENABLE_PASSWORD, VTY_PASSWORD
from lab.vty_proxy import END, VtyProxy

NOBODY = 65534


class Listener:
    """Takes each connection and does `behave` with it; what it was told is in `heard`."""

    def __init__(self, sock, behave):
        self.sock, self.behave, self.heard, self.closing = sock, behave, b"", False
        sock.listen(16)
        sock.settimeout(0.1)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while not self.closing:
            with contextlib.suppress(TimeoutError):
                conversation = self.sock.accept()[0]
                threading.Thread(target=self._converse, args=(conversation,), daemon=True).start()

    def _converse(self, conversation):
        with conversation, contextlib.suppress(OSError):
            self.behave(self, conversation)

    def close(self):
        self.closing = True
        self.thread.join()
        self.sock.close()


def drips(listener, conversation):
    """An answer that never ends, and is never silent."""
    while not listener.closing:
        conversation.sendall(b"!")
        time.sleep(0.02)


def asks_for_the_password(listener, conversation):
    conversation.sendall(b"\xff\xfb\x01\xff\xfb\x03\xff\xfe\x22\xff\xfd\x1f\r\nPassword: ")
    while got := conversation.recv(1000):
        listener.heard += got
        conversation.sendall(b"\r\nedge> " if b"zebra" in listener.heard else b"\r\nPassword: ")


@pytest.fixture
def dripping_socket(lab):
    path = lab.directory / "dripping.vty"
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(path))
    listener = Listener(sock, drips)
    yield path
    listener.close()


@pytest.fixture
def stranger(lab):
    """Who listens where bgpd's vty port is taken to be, and is a user of the host like others."""
    sock = lab.edge.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    os.fchown(sock.fileno(), NOBODY, -1)
    sock.bind(("127.0.0.1", 2698))
    listener = Listener(sock, asks_for_the_password)
    yield listener
    listener.close()


def withdrawn_by(lab, withdrawd, within=5):
    """Kills the DNS server, and gives the line of the withdrawal and how long it took."""
    withdrawd.wait_for_health("resolver", "up")
    withdrawd.wait_for_health("other", "up")
    killed_at = lab.dns.kill()
    lab.wait_for_announcements(Prefixes.STAYING, within)
    took = lab.peer.heard("withdrawn", Prefixes.PLAIN, killed_at) - killed_at
    return withdrawd.wait_for_line(f"{Prefixes.PLAIN} withdrawn", level="warning"), took


@pytest.mark.parametrize("next_way", ("vtysh", "telnet"))
def test_a_socket_that_drips_leaves_the_others_their_turn(lab, dripping_socket, next_way, measured):
    pids = lab.bgpd.pids()
    configuration = lab.write(
        lab.configuration(
            transports=["socket", next_way],
            bgpd={"socket": dripping_socket, "retry_transport": "10ms"},
        )
    )
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        line, took = withdrawn_by(lab, withdrawd, within=4.5)
        assert f"through {next_way}" in line.message
        measured(f"a socket that drips: withdrawn by {next_way} after {took:.2f} s")
        assert withdrawd.lines("critical") == []
    assert lab.bgpd.pids() == pids


def test_a_stranger_at_the_vty_port_is_told_no_password(lab, stranger):
    bgpd = {"telnet": "127.0.0.1:2698", "retry_transport": "10ms"}
    configuration = lab.write(lab.configuration(transports=["telnet", "socket"], bgpd=bgpd))
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        line, _ = withdrawn_by(lab, withdrawd)
        assert "user nobody listens there, not bgpd: it is told no password" in line.message
    assert VTY_PASSWORD.encode() not in stranger.heard
    assert ENABLE_PASSWORD.encode() not in stranger.heard
    status, said = lab.start("doctor", "-c", configuration, within=20)
    assert "user nobody listens there" in " ".join(said.split()), said
    assert status == 1


def test_a_stranger_who_gives_way_to_bgpd_is_no_hindrance(lab, stranger):
    stranger.close()
    configuration = lab.write(lab.configuration(transports=["telnet"]))
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        line, _ = withdrawn_by(lab, withdrawd)
        assert "through telnet 127.0.0.1:2605" in line.message


def test_an_empty_configuration_is_not_believed_beside_a_table_that_is_not(lab):
    """The server is down from the start: withdrawd knows of no instance before."""
    proxy = VtyProxy(lab.bgpd, lab.directory / "proxy")
    proxy.instead = {"show running-config": b"!\n" + END + b"\0"}
    lab.dns.kill()
    configuration = lab.write(
        lab.configuration(transports=["socket", "telnet"], bgpd={"socket": proxy.path})
    )
    try:
        with lab.withdrawd("run", "-c", configuration) as withdrawd:
            lab.wait_for_announcements(Prefixes.STAYING, within=5)
            line = withdrawd.wait_for_line(f"{Prefixes.PLAIN} withdrawn", level="warning")
            assert "through telnet" in line.message
    finally:
        proxy.close()


def test_a_socket_in_no_usual_place_is_found_by_who_listens(lab):
    configuration = lab.write(lab.configuration(transports=["socket"], bgpd={"socket": None}))
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        line, _ = withdrawn_by(lab, withdrawd)
        assert "through socket /" in line.message
        assert "bgpd.vty" in line.message
    _, said = lab.start("doctor", "-c", configuration, within=20)
    path = line.message.split("through socket ")[1].split(":")[0]
    assert path in said


STALE = """
mount -t tmpfs tmpfs /run/frr
/usr/bin/python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("/run/frr/bgpd.vty")'
exec "$@"
"""


@pytest.mark.skipif(not os.path.isdir("/run/frr"), reason="needs /run/frr")
def test_another_bgpd_is_not_taken_for_one_that_is_down(lab):
    """The socket of ours is left behind, and one more bgpd listens: that is not ours."""
    configuration = lab.write(lab.configuration(transports=["socket"], bgpd={"socket": None}))
    done = subprocess.run(
        lab.place.enter("unshare", "-m", "sh", "-ec", STALE, "sh", lab.program, "status", "-c", configuration),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
    )
    assert done.returncode == 3, done.stdout + done.stderr
    assert "nobody listens there" in done.stdout + done.stderr


def test_a_quagga_whose_zebra_is_gone_is_withdrawn_from_when_it_wakes(lab, measured):
    """Ten seconds after zebra is gone 1.2.4's bgpd sleeps for five, once, and hears nobody."""
    if not lab.software.is_quagga:
        pytest.skip("FRR's bgpd does not sleep")
    lab.bgpd.ensure_zebra()
    pids = lab.bgpd.pids()
    configuration = lab.write(
        lab.configuration(transports=["vtysh"], fallback={"after": "8s"}, bgpd={"vtysh_timeout": "2s"})
    )
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        for pid in lab.place.pids("zebra"):
            os.kill(pid, signal.SIGKILL)
        try:
            wait_until("bgpd to sleep", lambda: not quick(lab), within=15)
        except Late:
            pytest.skip("this Quagga's bgpd does not sleep")
        _, took = withdrawn_by(lab, withdrawd, within=7)
        measured(f"a Quagga that sleeps for want of zebra: withdrawn by vtysh after {took:.2f} s")
        assert withdrawd.lines("critical") == []
    assert lab.bgpd.pids() == pids


def quick(lab):
    try:
        return bool(lab.bgpd.command("show version", within=0.3))
    except OSError:
        return False
