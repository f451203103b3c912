"""withdrawd acts on what bgpd says, whoever has changed it."""

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


def test_a_prefix_in_no_rule_is_nobodys_business(lab, withdrawd):
    lab.bgpd.configure(65001, "ipv6", f"no network {Prefixes.OTHER_IPV6}")
    lab.wait_for_announcements(Prefixes.ALL - {Prefixes.OTHER_IPV6}, within=2)
    stays(
        "an operator's withdrawal",
        lambda: Prefixes.OTHER_IPV6 not in lab.bgpd.networks(),
        seconds=1.2,
    )
