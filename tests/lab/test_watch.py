"""A check that watches its server's process is asked when that dies, not when its interval is over."""

import pytest

from lab import Prefixes, stays, wait_until
from lab.programs import Program

INTERVAL = 60  # seconds: nothing below is owed to it


@pytest.mark.parametrize("by", ["name", "pid file"])
def test_a_watched_server_that_is_killed_is_withdrawn_at_once_and_the_next_one_too(lab, by):
    watch = "nsd" if by == "name" else str(lab.dns.directory / "nsd.pid")
    configuration = lab.write(
        lab.configuration(check={"watch": watch, "interval": f"{INTERVAL}s"}, other=False)
    )
    with lab.withdrawd("run", "-c", configuration) as program:
        program.wait_for_health("resolver", "up")
        for _ in range(2):
            before = len(program.lines())
            lab.dns.kill()
            lab.wait_for_announcements(Prefixes.STAYING, within=INTERVAL / 4)
            assert "port unreachable" in program.wait_for_health("resolver", "down", after=before).message

            # The server that takes its place is watched from the asking on that finds it.
            lab.dns.repair()
            before = len(program.lines())
            assert lab.start("now", "-c", configuration)[0] == 0
            program.wait_for_health("resolver", "up", after=before)
            lab.wait_for_announcements(within=INTERVAL / 4)


def test_a_death_has_a_server_that_still_answers_asked_and_nothing_else(lab):
    bystander = Program(lab.edge.enter("sleep", "600"), lab.directory / "bystander.log")
    wait_until("the bystander to sleep", lambda: lab.edge.pids("sleep"), within=5)
    configuration = lab.write(
        lab.configuration(check={"watch": "sleep", "interval": f"{INTERVAL}s"}, other=False)
    )
    with lab.withdrawd("run", "-c", configuration, "--log-level", "debug") as program:
        program.wait_for_health("resolver", "up")
        asked = lambda: len(program.lines("debug", 'check "resolver" ok'))
        before = asked()
        bystander.close()
        wait_until("the check to be asked", lambda: asked() > before, within=INTERVAL / 4)
        stays("the announcements", lambda: lab.peer.prefixes() == Prefixes.ALL, seconds=1)
        assert not program.lines(containing="down, was up")
