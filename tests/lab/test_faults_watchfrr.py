"""watchfrr, as FRR's own start script runs it, starts what the fallback has killed."""

import os
import time

import pytest

from lab import Prefixes, Program, wait_until

WATCHFRR = "/usr/lib/frr/watchfrr"
ZEBRA = "/usr/lib/frr/zebra"
AFTER = 1.0

pytestmark = [
    pytest.mark.needs_frr("watchfrr watches FRR's sockets"),
    pytest.mark.skipif(
        not all(os.access(program, os.X_OK) for program in (WATCHFRR, ZEBRA)),
        reason=f"needs {WATCHFRR} and {ZEBRA}",
    ),
]


@pytest.fixture
def watchfrr(lab):
    """A real one, with a real zebra, which it insists on. What it runs to start bgpd is the lab's."""
    directory = lab.bgpd.vty_directory
    configuration = lab.directory / "zebra.conf"
    configuration.write_text("")
    zebra = Program(
        lab.place.enter(
            ZEBRA, "-z", directory / "zserv.api", "-i", directory / "zebra.pid", "-P", "0",
            "-f", configuration, "--vty_socket", directory,
        ),
        lab.directory / "zebra.log",
    )
    wait_until("zebra's vty", (directory / "zebra.vty").exists, within=10)
    start = f"{lab.bgpd.start_script} %s"
    watcher = Program(
        lab.place.enter(
            WATCHFRR, "-S", directory, "-p", lab.directory / "watchfrr.pid", "-i", "1", "-t", "10",
            "--min-restart-interval", "1", "-l", "7", "-r", start, "-s", start, "-k", "/bin/true %s",
            "zebra", "bgpd",
        ),
        lab.directory / "watchfrr.log",
    )
    wait_until("watchfrr to watch bgpd", lambda: "bgpd state -> up" in watcher.text(), within=15)
    yield watcher
    watcher.close()
    zebra.close()


def test_what_watchfrr_restarts_is_noticed_said_and_told_again(lab, watchfrr, measured):
    pids = lab.bgpd.pids()
    # Nobody but watchfrr could start it: what withdrawd would run does nothing.
    configuration = lab.write(
        lab.configuration(
            bgpd={"restart": ["/bin/true"]}, fallback={"after": "1s", "restart_delay": "30s"}
        )
    )
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("other", "up")
        lab.bgpd.freeze()
        killed_at = lab.dns.kill()
        withdrawd.wait_for_line("killed, with all its prefixes", level="critical", within=8)
        took = time.time() - killed_at
        wait_until("watchfrr to start bgpd", lab.bgpd.running, within=20)
        line = withdrawd.wait_for_line("was started by somebody else", level="warning", within=10)
        assert "watchfrr, watchquagga or an operator" in line.message
        assert "the soft path takes over" in line.message
        # Its file has the sick prefixes; they are gone before a session could carry them.
        withdrawd.wait_for_line(f"{Prefixes.PLAIN} withdrawn", level="warning", within=10)
        lab.wait_for_announcements(Prefixes.STAYING)
        back = time.time() - killed_at
        heard = {(v, p) for _, v, p in lab.peer.events(since=killed_at)}
        assert heard.isdisjoint({("announced", p) for p in Prefixes.ANYCAST})
        assert len(withdrawd.lines("critical")) == 1
        assert lab.bgpd.pids() != pids
        measured(
            f"fallback.after = {AFTER} s: killed {took:.1f} s after the fault; watchfrr's start was "
            f"taken over, the well prefixes back after {back:.1f} s, the sick ones never heard"
        )
        lab.dns.repair()
        lab.wait_for_announcements(Prefixes.ALL, within=10)
        assert lab.peer.communities(Prefixes.TAGGED) == Prefixes.COMMUNITY
