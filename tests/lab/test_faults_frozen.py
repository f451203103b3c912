"""A bgpd that freezes in the middle of a withdrawal, and what comes of it when it thaws."""

import time

import pytest

from lab import Prefixes, wait_until
from lab.vty_proxy import VtyProxy

AFTER = 1.5


@pytest.fixture
def proxy(lab):
    proxy = VtyProxy(lab.bgpd, lab.directory / "watched")
    yield proxy
    proxy.close()


def freezes_at(proxy, command, stage="before"):
    """bgpd gets the command, and no further than its socket buffer."""

    def moment(at, what):
        if what == command and at == stage:
            proxy.moment = None
            proxy.bgpd.freeze()
            frozen.append(time.time())

    frozen = []
    proxy.moment = moment
    return frozen


def configured(lab, proxy, **changes):
    return lab.write(
        lab.configuration(
            transports=["socket"], bgpd={"socket": proxy.path, "socket_timeout": "500ms"}, **changes
        )
    )


@pytest.mark.parametrize("stage", ("before", "after"))
def test_frozen_between_the_write_and_the_answer_and_thawed_it_has_withdrawn(
    lab, proxy, measured, stage
):
    pids, sessions = lab.bgpd.pids(), lab.peer.sessions()
    with lab.withdrawd("run", "-c", configured(lab, proxy)) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("other", "up")
        frozen = freezes_at(proxy, f"no network {Prefixes.PLAIN}", stage)
        killed_at = lab.dns.kill()
        wait_until("bgpd to be frozen", lambda: frozen, within=5)
        withdrawd.wait_for_line("is bgpd frozen?", level="error", within=3)
        lab.bgpd.thaw()
        thawed_at = time.time()
        lab.wait_for_announcements(Prefixes.STAYING, within=3)
        heard = lab.peer.events(since=killed_at)
        assert {(v, p) for _, v, p in heard} == {("withdrawn", p) for p in Prefixes.ANYCAST}
        took = max(at for at, _, _ in heard) - thawed_at
        measured(f"frozen {stage} the statement: withdrawn at the peer {took:.2f} s after the thaw")
        assert withdrawd.lines("critical") == []
    assert lab.bgpd.pids() == pids
    assert lab.peer.changes_since(sessions) == []


def test_a_statement_that_takes_effect_when_it_is_no_longer_wanted_is_undone(lab, proxy, measured):
    pids, sessions = lab.bgpd.pids(), lab.peer.sessions()
    with lab.withdrawd("run", "-c", configured(lab, proxy)) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("other", "up")
        before = len(withdrawd.lines())
        frozen = freezes_at(proxy, f"no network {Prefixes.PLAIN}")
        lab.dns.kill()
        wait_until("bgpd to be frozen", lambda: frozen, within=5)
        withdrawd.wait_for_line("is bgpd frozen?", level="error", within=3)
        lab.dns.repair()
        withdrawd.wait_for_health("resolver", "up", after=before)
        lab.bgpd.thaw()
        thawed_at = time.time()
        # bgpd carries it out in the same moment as it is read again, before or after.
        withdrawd.wait_for_line(f"{Prefixes.PLAIN} withdrawn: what bgpd was sent", level="warning")
        withdrawd.wait_for_line(f"{Prefixes.PLAIN} announced", level="warning")
        undone_after = time.time() - thawed_at
        measured(f"a withdrawal that bgpd carried out too late: undone after {undone_after:.2f} s")
        lab.wait_for_announcements(Prefixes.ALL, within=3)
        away = lab.peer.heard("withdrawn", Prefixes.PLAIN, thawed_at)
        if away:  # Else it was back before the peer was told.
            assert lab.peer.heard("announced", Prefixes.PLAIN, away) - away < 2
        assert {p for _, _, p in lab.peer.events(since=thawed_at)} <= Prefixes.ANYCAST
        assert withdrawd.lines("critical") == []
    assert lab.bgpd.pids() == pids
    assert lab.peer.changes_since(sessions) == []


@pytest.mark.parametrize("offset", (-0.2, 0.0, 0.2))
def test_thawed_around_the_moment_of_the_kill_it_is_either_told_or_killed(
    lab, proxy, measured, offset
):
    pids = lab.bgpd.pids()
    fallback = {"after": f"{1000 * AFTER:.0f}ms", "restart_delay": "300ms"}
    with lab.withdrawd("run", "-c", configured(lab, proxy, fallback=fallback)) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("other", "up")
        frozen = freezes_at(proxy, f"no network {Prefixes.PLAIN}")
        killed_at = lab.dns.kill()
        wait_until("bgpd to be frozen", lambda: frozen, within=5)
        # The verdict was some milliseconds before; the fallback is due AFTER that.
        wait_until(
            "the moment of the kill", lambda: time.time() >= frozen[0] + AFTER + offset, within=5,
            every=0.001,
        )
        lab.bgpd.thaw()
        wait_until(
            "the sick prefixes to be gone", lambda: not lab.peer.prefixes() & Prefixes.ANYCAST,
            within=3,
        )
        took = time.time() - killed_at
        # Once it has been decided, nothing healthy stays away for it either.
        lab.wait_for_announcements(Prefixes.STAYING)
        killed = lab.bgpd.pids() != pids
        measured(
            f"thawed {offset:+.1f} s around the kill: {'killed' if killed else 'told'}, the sick "
            f"prefixes gone after {took:.2f} s"
        )
        assert took < AFTER + 1.5
        assert len(withdrawd.lines("critical")) == (1 if killed else 0)
        if killed:
            withdrawd.wait_for_line("killed, with all its prefixes", level="critical")
        else:
            withdrawd.wait_for_line(f"{Prefixes.PLAIN} withdrawn", level="warning")
        # Nobody hears of a sick prefix from the one that was started in its place.
        heard = {(v, p) for _, v, p in lab.peer.events(since=killed_at)}
        assert heard.isdisjoint({("announced", p) for p in Prefixes.ANYCAST})
        lab.dns.repair()
        lab.wait_for_announcements(Prefixes.ALL, within=10)
        assert lab.peer.communities(Prefixes.TAGGED) == Prefixes.COMMUNITY
