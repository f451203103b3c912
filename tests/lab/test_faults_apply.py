"""withdrawd dies at every moment of an apply, and the next start puts things right."""

import signal
import time

import pytest

from lab import Prefixes, wait_until
from lab.lying_dns import LyingDns
from lab.vty_proxy import VtyProxy


@pytest.fixture
def proxy(lab):
    proxy = VtyProxy(lab.bgpd, lab.directory / "apply")
    yield proxy
    proxy.close()


@pytest.fixture
def dns(lab):
    server = LyingDns(lab.edge)
    yield server
    server.close()


class Apply:
    """The moments of an apply, from `configure terminal` to the last answer of the read-back: for
    each command one before bgpd has heard it, and one when bgpd has carried it out and nobody knows.
    `act` is called at moment `number`, counted from 0."""

    def __init__(self, proxy, number, act):
        self.proxy, self.number, self.act = proxy, number, act
        self.seen = []
        self.done = False
        proxy.moment = self.moment

    def moment(self, stage, command):
        if self.done or not self.seen and command != "configure terminal":
            return
        self.seen.append((stage, command))
        if len(self.seen) == self.number + 1:
            self.done = True
            self.act()

    def over(self):
        """Has there been an apply, and is it over, without that moment?"""
        return not self.done and self.seen and self.seen[-1][1] != "end"


class Sweep:
    """Goes on from run to run, the prefixes now withdrawn, now announced."""

    def __init__(self, lab, proxy, dns):
        self.lab, self.proxy, self.dns = lab, proxy, dns
        quick = {"server": "127.0.0.3", "interval": "40ms", "fast_interval": "20ms", "rise": 1}
        self.configuration = lab.write(
            lab.configuration(transports=["socket"], bgpd={"socket": proxy.path}, check=quick)
        )
        self.sick = False

    def expected(self):
        return Prefixes.STAYING if self.sick else Prefixes.ALL

    def run(self):
        return self.lab.withdrawd("run", "-c", self.configuration)

    def turn(self):
        self.sick = not self.sick
        self.dns.lie = "empty" if self.sick else None

    def put_right(self):
        """bgpd has the statements that it should have; the peer is looked at in the end."""
        wait_until(
            f"bgpd to have {sorted(self.expected())}",
            lambda: self.lab.bgpd.networks() == self.expected(), within=5,
        )

    def is_right(self, since):
        self.lab.wait_for_announcements(self.expected(), within=5)
        assert {prefix for _, _, prefix in self.lab.peer.events(since)} <= Prefixes.ANYCAST
        if not self.sick:
            assert self.lab.peer.communities(Prefixes.TAGGED) == Prefixes.COMMUNITY


def ready(withdrawd, sweep):
    """It has read bgpd and heard of DNS, and is at rest."""
    withdrawd.wait_for_line("resolver", level="info") if not sweep.sick else None


def test_killed_at_every_moment_of_an_apply_the_next_start_puts_it_right(lab, proxy, dns, measured):
    pids, sessions = lab.bgpd.pids(), lab.peer.sessions()
    sweep = Sweep(lab, proxy, dns)
    since = time.time()
    withdrawd_log = []
    number, kills = 0, 0
    # Once in withdrawing and once in announcing: `number` goes up with every second turn.
    while True:
        with sweep.run() as withdrawd:
            sweep.put_right()
            withdrawd.wait_for_line("check \"resolver\"", within=5)
            apply = Apply(proxy, number, lambda: withdrawd.signal_it(signal.SIGKILL))
            sweep.turn()
            wait_until(
                "the end of withdrawd, or of the apply",
                lambda: not withdrawd.running or lab.bgpd.networks() == sweep.expected()
                and apply.over(),
                within=5,
            )
            withdrawd_log.append(withdrawd.text())
            if not apply.done:
                break
            kills += 1
            withdrawd.wait(5)
        # Whoever types in the middle of it is gone with its connection, as with a real bgpd.
        proxy.moment = None
        proxy.hang_up()
        if not sweep.sick:
            number += 1
    sweep.put_right()
    sweep.is_right(since)
    measured(f"killed at {kills} moments of an apply: put right by the next start each time")
    assert kills > 30
    assert lab.bgpd.pids() == pids
    assert lab.peer.changes_since(sessions) == []
    assert not [text for text in withdrawd_log if " critical " in text]
