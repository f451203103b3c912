"""Clocks that jump under a running withdrawd, and a host that is suspended for an hour.

Linux lets CLOCK_MONOTONIC stand still in a suspension, and only the wall clock is ahead afterwards. It
runs on while a container is frozen, and on some virtual machines. Both are tried, with libfaketime.
"""

import glob
import os
import re
import signal
import time

import pytest

from lab import Prefixes, stays, wait_until
from lab.lying_dns import LyingDns

LIBRARY = next(iter(glob.glob("/usr/lib/*/faketime/libfaketime.so.1")), None)
pytestmark = pytest.mark.skipif(not LIBRARY, reason="needs libfaketime")

HOUR = 3600
YEAR = 366 * 24 * HOUR


@pytest.fixture(autouse=True)
def not_sanitized(request):
    if request.config.getoption("--sanitized"):
        pytest.skip("libfaketime and a sanitizer's library both want to be loaded first")


class Clock:
    """What withdrawd takes for the time: the real one and an offset that can change meanwhile."""

    def __init__(self, lab, monotonic):
        self.file = lab.directory / "faketime"
        self.jump(0)
        self.env = {
            "LD_PRELOAD": LIBRARY,
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            **({} if monotonic else {"DONT_FAKE_MONOTONIC": "1"}),
        }

    def jump(self, seconds):
        fresh = self.file.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}s\n")
        os.replace(fresh, self.file)


@pytest.fixture
def slow(lab):
    """A well server that takes its time: a question is nearly always under way."""
    server = LyingDns(lab.edge)
    server.delay = 0.08
    yield server
    server.close()


def log_years(withdrawd):
    return [int(line.text[:4]) for line in withdrawd.lines() if re.match(r"\d{4}-", line.text)]


def withdraws_and_announces(lab, lie, truth):
    since = time.time()
    lie()
    lab.wait_for_announcements(Prefixes.STAYING, within=3)
    heard = lab.peer.events(since)
    assert {(v, p) for _, v, p in heard} == {("withdrawn", p) for p in Prefixes.ANYCAST}
    truth()
    lab.wait_for_announcements(Prefixes.ALL, within=5)
    assert lab.peer.communities(Prefixes.TAGGED) == Prefixes.COMMUNITY
    return max(at for at, _, _ in heard) - since


@pytest.mark.parametrize("jump", (YEAR, -YEAR), ids=("forward", "back"))
def test_the_wall_clock_jumps_a_year_and_nothing_else_happens(lab, measured, jump):
    sessions = lab.peer.sessions()
    clock = Clock(lab, monotonic=False)
    configuration = lab.write(lab.configuration())
    with lab.withdrawd("run", "-c", configuration, env=clock.env) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("other", "up")
        heard = len(lab.peer.events())
        clock.jump(jump)
        stays("what is announced", lambda: lab.peer.prefixes() == Prefixes.ALL, seconds=1)
        assert len(lab.peer.events()) == heard
        assert withdrawd.lines("warning") == []
        took = withdraws_and_announces(lab, lab.dns.kill, lab.dns.repair)
        measured(f"wall clock {jump:+d} s: a dead server withdrawn at the peer after {took:.2f} s")
        # It has seen the jump.
        years = log_years(withdrawd)
        assert abs(years[-1] - years[0]) == 1
        # And back, while a prefix is withdrawn.
        lab.dns.kill()
        lab.wait_for_announcements(Prefixes.STAYING, within=3)
        clock.jump(0)
        lab.dns.repair()
        lab.wait_for_announcements(Prefixes.ALL, within=5)
        assert withdrawd.terminate() == 0
        assert withdrawd.lines("error") == withdrawd.lines("critical") == []
    assert lab.peer.changes_since(sessions) == []


def suspend(lab, withdrawd, clock, meanwhile=lambda: None):
    """The whole edge, for an hour by the clock; `meanwhile` is done before it wakes up."""
    withdrawd.signal_it(signal.SIGSTOP)
    lab.bgpd.freeze()
    meanwhile()
    clock.jump(HOUR)
    lab.bgpd.thaw()
    resumed_at = time.time()
    withdrawd.signal_it(signal.SIGCONT)
    return resumed_at


@pytest.mark.parametrize("monotonic", (False, True), ids=("stands still", "runs on"))
def test_suspended_for_an_hour_a_healthy_prefix_stays(lab, slow, monotonic):
    sessions = lab.peer.sessions()
    clock = Clock(lab, monotonic)
    script = lab.write("#!/bin/sh\nexec sleep 0.08\n", "plugin")
    script.chmod(0o755)
    text = lab.configuration(
        check={"server": "127.0.0.3"}, rule={"checks": ["resolver", "plugin"]},
    ) + f'\n[check.plugin]\ntype = "exec"\ncommand = ["{script}"]\n' \
        'interval = "100ms"\nfast_interval = "50ms"\ntimeout = "150ms"\n'
    with lab.withdrawd("run", "-c", lab.write(text), env=clock.env) as withdrawd:
        for check in ("resolver", "plugin", "other"):
            withdrawd.wait_for_health(check, "up")
        heard = len(lab.peer.events())
        for round_ in range(8):
            withdrawd.signal_it(signal.SIGSTOP)
            slow.frozen.set()  # It stands still as well, a question in its hands.
            clock.jump((round_ + 1) * HOUR)
            slow.frozen.clear()
            withdrawd.signal_it(signal.SIGCONT)
            stays("what is announced", lambda: lab.peer.prefixes() == Prefixes.ALL, seconds=0.3)
        assert len(lab.peer.events()) == heard
        assert withdrawd.lines(containing=": down, was up") == []
        assert withdrawd.lines("critical") == []
        if monotonic:
            assert withdrawd.lines("error", "this host stood still for 1 h")
    assert lab.peer.changes_since(sessions) == []


@pytest.mark.parametrize("monotonic", (False, True), ids=("stands still", "runs on"))
def test_what_died_in_the_suspension_is_withdrawn_when_it_is_over(lab, measured, monotonic):
    pids, sessions = lab.bgpd.pids(), lab.peer.sessions()
    clock = Clock(lab, monotonic)
    configuration = lab.write(lab.configuration())
    with lab.withdrawd("run", "-c", configuration, env=clock.env) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("other", "up")
        resumed_at = suspend(lab, withdrawd, clock, lab.dns.kill)
        lab.wait_for_announcements(Prefixes.STAYING, within=5)
        heard = lab.peer.events(since=resumed_at)
        assert {(v, p) for _, v, p in heard} == {("withdrawn", p) for p in Prefixes.ANYCAST}
        took = max(at for at, _, _ in heard) - resumed_at
        reading = "runs on" if monotonic else "stands still"
        measured(f"suspended, the clock {reading}: withdrawn {took:.2f} s after the resume")
        assert took < 1.5
        lab.dns.repair()
        lab.wait_for_announcements(Prefixes.ALL, within=5)
        assert withdrawd.lines("critical") == []
    assert lab.bgpd.pids() == pids
    assert lab.peer.changes_since(sessions) == []


def test_suspended_in_the_middle_of_a_withdrawal_bgpd_is_not_killed_for_the_hour(lab, measured):
    pids = lab.bgpd.pids()
    clock = Clock(lab, monotonic=True)
    with lab.withdrawd("run", "-c", lab.write(lab.configuration()), env=clock.env) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("other", "up")
        lab.bgpd.freeze()
        lab.dns.kill()
        withdrawd.wait_for_line("is bgpd frozen?", level="error", within=5)
        resumed_at = suspend(lab, withdrawd, clock)
        lab.wait_for_announcements(Prefixes.STAYING, within=5)
        took = max(at for at, _, _ in lab.peer.events(since=resumed_at)) - resumed_at
        measured(f"suspended while bgpd was frozen: withdrawn {took:.2f} s after the resume")
        withdrawd.wait_for_line("stood still for 1 h", level="warning")
        assert withdrawd.lines("critical") == []
    assert lab.bgpd.pids() == pids
