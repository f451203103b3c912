"""From a DNS fault to a withdrawal at the peer and back, by each transport."""

import pytest

from lab import Nsd, Prefixes, wait_until

TRANSPORTS = ("socket", "vtysh", "telnet")
# What the log calls it.
CAUSES = {
    "killed": "port unreachable",
    "frozen": "timed out",
    "NXDOMAIN": "NXDOMAIN",
    "SERVFAIL": "SERVFAIL",
}


@pytest.mark.parametrize("fault", Nsd.FAULTS)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_peer_loses_exactly_the_sick_prefixes_and_hears_them_again(lab, transport, fault):
    sessions = lab.peer.sessions()
    configuration = lab.write(lab.configuration(transports=[transport]))
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("other", "up")
        assert lab.peer.prefixes() == Prefixes.ALL

        broken_at = lab.dns.fail(fault)
        lab.wait_for_announcements(Prefixes.STAYING, within=5)
        heard = lab.peer.events(since=broken_at)
        assert sorted(heard, key=lambda event: event[2]) == [
            (at, "withdrawn", prefix)
            for (at, _, _), prefix in zip(
                sorted(heard, key=lambda event: event[2]), sorted(Prefixes.ANYCAST)
            )
        ]
        for prefix in Prefixes.ANYCAST:
            line = withdrawd.wait_for_line(f"{prefix} withdrawn", level="warning")
            assert CAUSES[fault] in line.message
            assert transport in line.message
            assert f"no network {prefix}" in line.message

        mended_at = lab.dns.repair()
        lab.wait_for_announcements(Prefixes.ALL, within=10)
        assert lab.peer.communities(Prefixes.TAGGED) == Prefixes.COMMUNITY
        assert lab.peer.communities(Prefixes.PLAIN) == ""
        heard = lab.peer.events(since=mended_at)
        assert sorted((verb, prefix) for _, verb, prefix in heard) == [
            ("announced", prefix) for prefix in sorted(Prefixes.ANYCAST)
        ]

        assert withdrawd.terminate() == 0
    # The same sessions, never dropped nor established anew, as the peer counts them.
    assert lab.peer.changes_since(sessions) == []


@pytest.mark.parametrize(("transport", "bound"), (("socket", 0.3), ("telnet", 0.3), ("vtysh", 0.5)))
def test_a_killed_dns_server_is_withdrawn_in_time(lab, measured, transport, bound):
    configuration = lab.write(lab.configuration(transports=[transport], check={"interval": "100ms"}))
    took = []
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        # The machine may be busy with something else once, or twice.
        while len(took) < 3 and (not took or min(took) > bound):
            killed_at = lab.dns.kill()
            lab.wait_for_announcements(Prefixes.STAYING, within=5)
            took.append(max(at for at, _, _ in lab.peer.events(since=killed_at)) - killed_at)
            lab.dns.repair()
            lab.wait_for_announcements(Prefixes.ALL, within=10)
    times = ", ".join(f"{1000 * seconds:.0f} ms" for seconds in took)
    measured(f"killed DNS server to withdrawal at the peer, by {transport}: {times}")
    assert min(took) <= bound, times


def test_each_family_and_the_rest_of_the_table_are_left_alone_while_healthy(lab):
    sessions = lab.peer.sessions()
    heard = len(lab.peer.events())
    configuration = lab.write(lab.configuration(bgpd={"reconcile_interval": "200ms"}))
    before = lab.bgpd.command("show running-config")
    with lab.withdrawd("run", "-c", configuration, "--log-level", "debug") as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        asked = len(withdrawd.lines())
        wait_until("a few rounds", lambda: len(withdrawd.lines()) > asked + 20, within=10)
        assert withdrawd.lines("warning") == []
    assert lab.bgpd.command("show running-config") == before
    assert lab.peer.changes_since(sessions) == []
    assert len(lab.peer.events()) == heard


def test_the_next_transport_is_taken_when_the_first_does_not_work(lab):
    configuration = lab.write(
        lab.configuration(bgpd={"socket": lab.directory / "nowhere.vty", "vtysh": "/bin/false"})
    )
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        lab.dns.kill()
        lab.wait_for_announcements(Prefixes.STAYING, within=5)
        assert "telnet" in withdrawd.wait_for_line(f"{Prefixes.PLAIN} withdrawn").message


def test_sigterm_leaves_announcements_as_they_are(lab):
    configuration = lab.write(lab.configuration())
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        assert withdrawd.terminate() == 0
    heard = len(lab.peer.events())

    lab.dns.kill()
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        lab.wait_for_announcements(Prefixes.STAYING, within=5)
        heard += len(Prefixes.ANYCAST)
        assert withdrawd.terminate() == 0
    assert lab.bgpd.networks() == Prefixes.STAYING
    assert len(lab.peer.events()) == heard

    # The next run knows which route-map the withdrawn statement had.
    lab.dns.repair()
    with lab.withdrawd("run", "-c", configuration):
        lab.wait_for_announcements(Prefixes.ALL, within=5)
        assert lab.peer.communities(Prefixes.TAGGED) == Prefixes.COMMUNITY


# A vtysh that does as it is told but for what changes the configuration, as Quagga's does when
# another daemon runs and bgpd does not.
LYING_VTYSH = """#!/bin/sh
case "$*" in
*configure*) exit 0 ;;
esac
exec vtysh "$@"
"""


def lying_vtysh(lab):
    path = lab.write(LYING_VTYSH, "lying-vtysh")
    path.chmod(0o755)
    return path


def test_a_vtysh_that_exits_0_and_did_nothing_is_noticed(lab):
    configuration = lab.write(
        lab.configuration(
            transports=["vtysh"], bgpd={"vtysh": lying_vtysh(lab)}, fallback={"after": "60s"}
        )
    )
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        lab.dns.kill()
        withdrawd.wait_for_line("", level="error")
        assert withdrawd.lines(containing=f"{Prefixes.PLAIN} withdrawn in") == []
        assert lab.peer.prefixes() == Prefixes.ALL


def test_a_lying_vtysh_does_not_keep_a_sick_prefix_announced(lab):
    pids = lab.bgpd.pids()
    configuration = lab.write(
        lab.configuration(transports=["vtysh", "socket"], bgpd={"vtysh": lying_vtysh(lab)})
    )
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        lab.dns.kill()
        lab.wait_for_announcements(Prefixes.STAYING, within=5)
        assert "socket" in withdrawd.wait_for_line(f"{Prefixes.PLAIN} withdrawn").message
    assert lab.bgpd.pids() == pids
