"""withdrawd, or its connection, ends at every moment of an apply: what comes next puts it right."""

import signal
import time

import pytest

from lab import Prefixes, wait_until
from lab.lying_dns import LyingDns
from lab.vty_proxy import VtyProxy


class Moment:
    """The one of an apply at which something happens, of all that there are: for each command one
    before bgpd has heard it, and one when bgpd has carried it out and nobody knows; from `configure
    terminal` until the configuration has been read back."""

    def __init__(self, number, act):
        self.number, self.act = number, act
        self.passed = 0
        self.come = self.over = False

    def __call__(self, stage, command):
        if self.over or self.passed == 0 and command != "configure terminal":
            return
        if self.passed == self.number:
            self.come = True
            self.act()
        self.passed += 1
        self.over = (stage, command) == ("after", "show running-config")


class Sweep:
    """From run to run the prefixes are now to be withdrawn, now announced."""

    def __init__(self, lab):
        self.lab = lab
        self.dns = LyingDns(lab.edge)
        self.proxy = VtyProxy(lab.bgpd, lab.directory / "apply")
        self.pids, self.sessions = lab.bgpd.pids(), lab.peer.sessions()
        quick = {"server": "127.0.0.3", "interval": "40ms", "fast_interval": "20ms", "rise": 1}
        self.configuration = lab.write(
            lab.configuration(
                transports=["socket"], bgpd={"socket": self.proxy.path}, check=quick,
                rule={"damping": False},
            )
        )
        self.sick = False
        self.since = time.time()

    def close(self):
        self.proxy.close()
        self.dns.close()

    def is_right(self):
        expected = Prefixes.STAYING if self.sick else Prefixes.ALL
        return self.lab.bgpd.networks() == expected

    def turn(self, moment):
        """DNS says the opposite; `moment` is of the apply that follows."""
        self.proxy.moment = moment
        self.sick = not self.sick
        self.dns.lie = "empty" if self.sick else None
        wait_until("the moment", lambda: moment.come or moment.over, within=5)

    def interrupt(self, number, act):
        """One run, in which `act` is done to withdrawd at that moment of the next apply: none if the
        apply had no such moment."""
        with self.lab.withdrawd("run", "-c", self.configuration) as withdrawd:
            wait_until("what the run before has left to be put right", self.is_right, within=5)
            moment = Moment(number, lambda: act(withdrawd))
            self.turn(moment)
            if moment.come:
                withdrawd.wait(10)
            self.proxy.moment = None
            assert withdrawd.lines("critical") == []
            return withdrawd if moment.come else None

    def finish(self):
        """Nothing else has happened in all that time."""
        lab = self.lab
        if not self.is_right():
            with lab.withdrawd("run", "-c", self.configuration):
                wait_until("what was left to be put right", self.is_right, within=5)
        lab.wait_for_announcements(Prefixes.STAYING if self.sick else Prefixes.ALL, within=5)
        assert {prefix for _, _, prefix in lab.peer.events(self.since)} <= Prefixes.ANYCAST
        assert lab.bgpd.pids() == self.pids
        assert lab.peer.changes_since(self.sessions) == []


@pytest.fixture
def sweep(lab):
    sweep = Sweep(lab)
    yield sweep
    sweep.close()


def test_killed_at_every_moment_of_an_apply_the_next_start_puts_it_right(sweep, measured):
    def kill(withdrawd):
        withdrawd.signal_it(signal.SIGKILL)
        raise ConnectionAbortedError  # Its connection goes with it.

    kills = number = 0
    while sweep.interrupt(number, kill):
        kills += 1
        number = kills // 2  # in a withdrawal and in an announcement
    measured(f"killed at {kills} moments of an apply: put right by the next start each time")
    assert kills > 30
    sweep.finish()


def test_told_to_end_at_any_moment_of_an_apply_it_finishes_that_first(sweep, measured):
    number = 0
    while withdrawd := sweep.interrupt(number, lambda it: it.signal_it(signal.SIGTERM)):
        assert withdrawd.process.returncode == 0
        assert sweep.is_right(), f"it left at moment {number}: {withdrawd.text()}"
        assert withdrawd.lines("info", "SIGTERM: ends, announcements stay as they are")
        number += 1
    measured(f"SIGTERM at {number} moments of an apply: finished, exit status 0")
    assert number > 15
    sweep.finish()


def test_a_connection_that_ends_at_every_moment_of_an_apply_is_made_again(sweep, measured):
    def hang_up():
        raise ConnectionAbortedError

    number = 0
    with sweep.lab.withdrawd("run", "-c", sweep.configuration) as withdrawd:
        while True:
            moment = Moment(number, hang_up)
            sweep.turn(moment)
            sweep.proxy.moment = None
            wait_until("bgpd to be as it should", sweep.is_right, within=5)
            if not moment.come:
                break
            number += 1
        assert withdrawd.lines("error", "bgpd closed the connection")
        assert withdrawd.lines("critical") == []
    measured(f"hung up on at {number} moments of an apply: put right over the next connection")
    assert number > 15
    sweep.finish()
