"""withdrawd acts on what bgpd says, whoever has changed it."""

import os
import subprocess
import time

import pytest

from lab import Prefixes, stays, wait_until


@pytest.fixture
def withdrawd(lab):
    configuration = lab.write(lab.configuration(bgpd={"reconcile_interval": "500ms"}))
    with lab.withdrawd("run", "-c", configuration) as program:
        program.wait_for_health("resolver", "up")
        program.wait_for_health("other", "up")
        yield program


def test_a_bgpd_that_is_restarted_never_announces_a_sick_prefix(lab, withdrawd):
    lab.dns.kill()
    lab.wait_for_announcements(Prefixes.STAYING, within=5)

    restarted_at = time.time()
    lab.bgpd.kill()
    lab.bgpd.start()  # Its file has all the prefixes.
    wait_until("the peer to lose the old session", lambda: not lab.peer.established(), within=5)
    lab.wait_for_announcements(Prefixes.STAYING)
    assert {
        prefix for _, verb, prefix in lab.peer.events(restarted_at) if verb == "announced"
    } == Prefixes.STAYING
    assert lab.bgpd.networks() == Prefixes.STAYING


def test_network_typed_by_hand_is_undone_while_the_prefix_is_sick(lab, withdrawd):
    lab.dns.kill()
    lab.wait_for_announcements(Prefixes.STAYING, within=5)

    lab.bgpd.configure(65001, "ipv4", f"network {Prefixes.PLAIN}")
    wait_until(
        "the statement to be gone again",
        lambda: Prefixes.PLAIN not in lab.bgpd.networks(),
        within=0.5 + 0.5,
    )
    lab.wait_for_announcements(Prefixes.STAYING, within=2)


def test_no_network_typed_by_hand_is_undone_while_the_prefix_is_healthy(lab, withdrawd):
    typed_at = time.time()
    lab.bgpd.configure(65001, "ipv4", f"no network {Prefixes.TAGGED}")
    wait_until(
        "the statement to be back",
        lambda: Prefixes.TAGGED in lab.bgpd.networks(),
        within=0.5 + 0.5,
    )
    lab.wait_for_announcements(Prefixes.ALL, within=2)
    wait_until(
        "the peer to see its route-map again",
        lambda: lab.peer.communities(Prefixes.TAGGED) == Prefixes.COMMUNITY,
        within=2,
    )
    others = Prefixes.ALL - {Prefixes.TAGGED}
    assert others.isdisjoint(prefix for _, _, prefix in lab.peer.events(typed_at))


RELOAD = "/usr/lib/frr/frr-reload.py"


def reload(lab, configuration):
    """What an operator, or configuration management, does after a change of frr.conf."""
    directory = lab.directory / "reload"
    directory.mkdir(exist_ok=True)
    subprocess.run(
        lab.place.enter(
            RELOAD, "--reload", "--stdout", "--bindir", "/usr/bin", "--confdir", directory,
            "--rundir", directory, "--vty_socket", lab.bgpd.vty_directory, "--daemon", "bgpd",
            configuration,
        ),
        check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )


@pytest.mark.needs_frr("frr-reload is FRR's, and talks to FRR's vtysh")
@pytest.mark.skipif(not os.access(RELOAD, os.X_OK), reason=f"needs {RELOAD}: frr-pythontools")
def test_what_frr_reload_puts_back_is_gone_within_a_second(lab, measured):
    pids, sessions = lab.bgpd.pids(), lab.peer.sessions()
    # The file of a host where all is well.
    saved = lab.write(lab.bgpd.command("show running-config"), "frr.conf")
    # With the default reconcile_interval: what is sick is looked after more often.
    with lab.withdrawd("run", "-c", lab.write(lab.configuration())) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("other", "up")
        lab.dns.kill()
        lab.wait_for_announcements(Prefixes.STAYING, within=5)
        reloaded_at = time.time()
        before = len(withdrawd.lines())
        reload(lab, saved)
        line = withdrawd.wait_for_line("again (it had come back)", level="warning", after=before)
        assert 'rule "anycast"' in line.message
        lab.wait_for_announcements(Prefixes.STAYING, within=3)
        # It types one statement after the other; each may be found by a read of its own.
        heard = lab.peer.events(since=reloaded_at)
        assert {prefix for _, _, prefix in heard} <= Prefixes.ANYCAST
        longest = 0.0
        for prefix in Prefixes.ANYCAST:
            mine = [(at, verb) for at, verb, p in heard if p == prefix]
            for (since, verb), (until, _) in zip(mine, mine[1:]):
                if verb == "announced":
                    longest = max(longest, until - since)
            assert not mine or mine[-1][1] == "withdrawn"
        measured(f"frr-reload.py: a sick prefix was announced for {longest:.2f} s at most")
        assert longest < 1.0
        assert withdrawd.lines("critical") == []
    assert lab.bgpd.pids() == pids
    assert lab.peer.changes_since(sessions) == []


def test_a_prefix_in_no_rule_is_nobodys_business(lab, withdrawd):
    lab.bgpd.configure(65001, "ipv6", f"no network {Prefixes.OTHER_IPV6}")
    lab.wait_for_announcements(Prefixes.ALL - {Prefixes.OTHER_IPV6}, within=2)
    stays(
        "an operator's withdrawal",
        lambda: Prefixes.OTHER_IPV6 not in lab.bgpd.networks(),
        seconds=1.2,
    )
