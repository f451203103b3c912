"""Somebody sits in configuration mode: for a moment, which is worth no kill, or for good.

The Debian bgpd lets several in. So a proxy in front of it answers `configure terminal` as Quagga and
newer versions of FRR do; all else is the real bgpd's.
"""

import contextlib
import time

import pytest

from lab import Prefixes, wait_until
from lab.vty_proxy import LOCKED, TelnetProxy, VtyProxy

HELD = 3.0  # seconds
DEFAULT_AFTER = 5.0  # of fallback.after
TELNET_PORT = 2698


@pytest.fixture
def proxied(lab):
    """By way: the [bgpd] keys that lead through a proxy; and the proxies."""
    vty = VtyProxy(lab.bgpd, lab.directory / "locked")
    telnet = TelnetProxy(lab.edge, TELNET_PORT)
    keys = {
        "socket": {"socket": vty.path},
        "vtysh": {"vtysh_socket_dir": vty.directory},
        "telnet": {"telnet": f"127.0.0.1:{TELNET_PORT}"},
    }
    yield keys, (vty, telnet)
    for proxy in (vty, telnet):
        proxy.close()


@contextlib.contextmanager
def running(lab, proxied, way, after=DEFAULT_AFTER):
    keys, proxies = proxied
    fallback = {"after": f"{1000 * after:.0f}ms", "restart_delay": "500ms"}
    configuration = lab.write(
        lab.configuration(transports=[way], bgpd=keys[way], fallback=fallback)
    )
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("other", "up")
        yield withdrawd, proxies


def lock(proxies, answer):
    for proxy in proxies:
        proxy.locked = answer


NO_PROXY = pytest.mark.needs_frr("Quagga's vtysh goes where it was built to, and to no proxy")
VTYSH = pytest.param("vtysh", marks=NO_PROXY)


@pytest.mark.parametrize("whose", LOCKED)
@pytest.mark.parametrize("way", ("socket", VTYSH, "telnet"))
def test_a_lock_of_three_seconds_is_waited_for(lab, proxied, measured, way, whose):
    pids, sessions = lab.bgpd.pids(), lab.peer.sessions()
    with running(lab, proxied, way) as (withdrawd, proxies):
        lock(proxies, LOCKED[whose])
        killed_at = lab.dns.kill()
        line = withdrawd.wait_for_line("onfiguration is locked by other", level="error")
        assert "somebody sits in configuration mode" in line.message
        time.sleep(HELD)  # The lock itself; there is no event in it.
        assert lab.peer.events(since=killed_at) == []
        lock(proxies, None)
        freed_at = time.time()
        lab.wait_for_announcements(Prefixes.STAYING, within=3)
        heard = lab.peer.events(since=killed_at)
        assert {(v, p) for _, v, p in heard} == {("withdrawn", p) for p in Prefixes.ANYCAST}
        took = max(at for at, _, _ in heard)
        measured(
            f"{way}, {whose}'s lock of 3 s: withdrawn at the peer {took - freed_at:.2f} s after it, "
            f"{took - killed_at:.2f} s after the fault"
        )
        assert withdrawd.lines("critical") == []
    assert lab.bgpd.pids() == pids
    assert lab.peer.changes_since(sessions) == []


@pytest.mark.parametrize(
    ("way", "whose", "after"),
    (
        ("socket", "Quagga", DEFAULT_AFTER), pytest.param("vtysh", "newer FRR", 1.5, marks=NO_PROXY),
        ("telnet", "Quagga", 1.5),
    ),
)
def test_a_lock_for_good_ends_in_the_fallback(lab, proxied, measured, way, whose, after):
    with running(lab, proxied, way, after) as (withdrawd, proxies):
        lock(proxies, LOCKED[whose])
        killed_at = lab.dns.kill()
        wait_until("bgpd to be killed", lambda: not lab.bgpd.running(), within=after + 3)
        took = time.time() - killed_at
        measured(
            f"{way}, {whose}'s lock for good, fallback.after = {after} s: bgpd killed {took:.2f} s "
            "after the fault"
        )
        assert took >= after
        line = withdrawd.wait_for_line("killed, with all its prefixes", level="critical")
        assert "onfiguration is locked by other" in line.message
        assert len(withdrawd.lines("critical")) == 1
        # The other rule's prefix is wanted, and comes back without the sick ones: they never do.
        lock(proxies, None)
        lab.wait_for_announcements(Prefixes.STAYING)
        since_the_kill = {(v, p) for _, v, p in lab.peer.events(since=killed_at)}
        assert since_the_kill.isdisjoint({("announced", p) for p in Prefixes.ANYCAST})
