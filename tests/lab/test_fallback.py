"""Killing bgpd, when nothing else takes a sick prefix away; and never else."""

import json
import time

import pytest

from lab import Prefixes, stays, wait_until

AFTER = 1.5
FALLBACK = {"after": "1500ms", "restart_delay": "500ms"}


def nowhere(lab):
    """No transport works."""
    return {"socket": lab.directory / "nowhere.vty", "vtysh": "/bin/false", "telnet": "127.0.0.1:1"}


def killed_after(lab, since, within=10):
    """How long after `since` bgpd was gone, once the peer has noticed it too."""
    wait_until("bgpd to be killed", lambda: not lab.bgpd.running(), within)
    took = time.time() - since
    wait_until("the peer to notice", lambda: not lab.peer.prefixes(), within=2)
    return took


def test_bgpd_is_killed_when_no_transport_works_and_started_when_dns_answers(lab, measured):
    configuration = lab.write(
        lab.configuration(bgpd=nowhere(lab), fallback=FALLBACK, other=False)
    )
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        broken_at = lab.dns.kill()
        took = killed_after(lab, broken_at)
        measured(f"fallback.after = 1.5 s, no transport works: bgpd gone after {took:.2f} s")
        assert took >= AFTER
        assert took < AFTER + 1.5
        line = withdrawd.wait_for_line("killed", level="critical")
        assert any(prefix in line.message for prefix in Prefixes.ANYCAST)
        stays("a killed bgpd, while DNS fails", lambda: not lab.bgpd.running(), seconds=1.5)

        lab.dns.repair()
        wait_until("bgpd to be started again", lab.bgpd.running, within=10)
        lab.wait_for_announcements(Prefixes.ALL)
        assert lab.peer.communities(Prefixes.TAGGED) == Prefixes.COMMUNITY


def test_a_frozen_bgpd_is_killed_when_dns_fails(lab, measured):
    configuration = lab.write(lab.configuration(fallback=FALLBACK, other=False))
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        lab.bgpd.freeze()
        broken_at = lab.dns.kill()
        took = killed_after(lab, broken_at)
        measured(f"fallback.after = 1.5 s, bgpd frozen: bgpd gone after {took:.2f} s")
        assert took >= AFTER
        assert took < AFTER + 1.5
        withdrawd.wait_for_line("killed", level="critical")

        lab.dns.repair()
        wait_until("bgpd to be started again", lab.bgpd.running, within=10)
        lab.wait_for_announcements(Prefixes.ALL)


def test_the_other_prefixes_come_back_without_the_sick_one(lab):
    configuration = lab.write(lab.configuration(fallback=FALLBACK))
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("other", "up")
        lab.bgpd.freeze()
        killed_after(lab, lab.dns.kill())
        lab.wait_for_announcements(Prefixes.STAYING)
        assert len(withdrawd.lines("critical", "killed")) == 1


def test_a_frozen_bgpd_is_left_alone_while_dns_answers(lab):
    configuration = lab.write(lab.configuration(fallback=FALLBACK))
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        lab.bgpd.freeze()
        stays("a frozen bgpd", lab.bgpd.running, seconds=2 * AFTER)
        assert withdrawd.lines("critical") == []


def test_bgpd_is_left_alone_when_the_soft_path_worked(lab):
    pids = lab.bgpd.pids()
    sessions = lab.peer.sessions()
    configuration = lab.write(lab.configuration(fallback=FALLBACK))
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        lab.dns.kill()
        lab.wait_for_announcements(Prefixes.STAYING, within=5)
        stays("bgpd", lambda: lab.bgpd.pids() == pids, seconds=2 * AFTER)
        assert withdrawd.lines("critical") == []
    assert lab.peer.changes_since(sessions) == []


def test_a_rule_may_forbid_it(lab):
    pids = lab.bgpd.pids()
    configuration = lab.write(
        lab.configuration(bgpd=nowhere(lab), fallback=FALLBACK, rule={"fallback": "never"})
    )
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        lab.dns.kill()
        line = withdrawd.wait_for_line("", level="critical", within=AFTER + 2)
        assert any(prefix in line.message for prefix in Prefixes.ANYCAST)
        stays("bgpd", lambda: lab.bgpd.pids() == pids, seconds=AFTER)
    assert lab.peer.prefixes() == Prefixes.ALL


@pytest.mark.parametrize("vtysh", ("/bin/true", "lying"))
def test_a_vtysh_that_only_pretends_does_not_keep_bgpd_alive(lab, vtysh):
    if vtysh == "lying":
        path = lab.write('#!/bin/sh\ncase "$*" in *configure*) exit 0;; esac\nexec vtysh "$@"\n', "v")
        path.chmod(0o755)
        vtysh = path
    configuration = lab.write(
        lab.configuration(
            transports=["vtysh"], bgpd={"vtysh": vtysh}, fallback=FALLBACK, other=False
        )
    )
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        took = killed_after(lab, lab.dns.kill())
        assert took >= AFTER
        withdrawd.wait_for_line("killed", level="critical")


def test_two_kills_that_did_not_help_are_followed_by_no_third(lab):
    """An aggregate brings the sick prefix back with each start, and no statement takes it away."""
    configuration = lab.write(lab.configuration(fallback=FALLBACK))
    file = lab.bgpd.configuration
    before = file.read_text()
    file.write_text(
        before.replace(
            f"  network {Prefixes.PLAIN}\n",
            f"  network 192.0.2.0/25\n  aggregate-address {Prefixes.PLAIN}\n",
        )
    )
    try:
        lab.bgpd.kill()
        lab.bgpd.start()
        wait_until(
            "the peer to have all again",
            lambda: lab.peer.established() and Prefixes.ALL <= lab.peer.prefixes(), within=30,
        )
        with lab.withdrawd("run", "-c", configuration) as withdrawd:
            withdrawd.wait_for_health("resolver", "up")
            withdrawd.wait_for_health("other", "up")
            lab.dns.kill()
            line = withdrawd.wait_for_line("not killed again", level="critical", within=30).message
            assert Prefixes.PLAIN in line and "until somebody acts" in line
            assert len(withdrawd.lines("critical", "killed, with all")) == 2
            pids = lab.bgpd.pids()
            stays("bgpd, which no kill helps", lambda: lab.bgpd.pids() == pids, seconds=3 * AFTER)
            wait_until(
                "the healthy ones to be there", lambda: Prefixes.STAYING <= lab.peer.prefixes(), 20
            )
            status = json.loads(lab.start("status", "--json", "-c", configuration)[1])
            assert status["failing"]
            assert status["failing_why"] == "bgpd was killed for it and came back with it"
    finally:
        file.write_text(before)
        lab.bgpd.kill()
