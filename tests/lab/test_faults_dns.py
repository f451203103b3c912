"""DNS servers that lie: what the peer hears of it, and how soon."""

import os
import time
from pathlib import Path

import pytest

from lab import Prefixes, stays
from lab.lying_dns import LyingDns

BAD = {
    "wrong ID": "timed out",
    "wrong question": "timed out",
    "from another address": "timed out",
    "late": "timed out",
    "garbage": "",
    "compression loop": "malformed",
    "empty": "no data",
    "CNAME without target": "no data",
    "TCP stops": "timed out",
    "TCP drips for ever": "timed out",
    "TCP refuses to speak": "closed early",
}


@pytest.fixture
def liar(lab):
    server = LyingDns(lab.edge)
    yield server
    server.close()


@pytest.fixture
def withdrawd(lab, liar):
    configuration = lab.write(lab.configuration(check={"server": "127.0.0.3"}))
    with lab.withdrawd("run", "-c", configuration, "--log-level", "debug") as program:
        program.wait_for_health("resolver", "up")
        program.wait_for_health("other", "up")
        yield program


@pytest.mark.parametrize("lie", LyingDns.UDP_LIES + LyingDns.TCP_LIES)
def test_a_lie_is_no_answer(lab, liar, withdrawd, measured, lie):
    lied_at = time.time()
    liar.lie = lie
    lab.wait_for_announcements(Prefixes.STAYING, within=3)
    took = max(at for at, _, _ in lab.peer.events(since=lied_at)) - lied_at
    measured(f"{lie}: withdrawn at the peer after {took:.2f} s")
    heard = {(verb, prefix) for _, verb, prefix in lab.peer.events(since=lied_at)}
    assert heard == {("withdrawn", prefix) for prefix in Prefixes.ANYCAST}
    down = withdrawd.wait_for_health("resolver", "down")
    assert BAD[lie] in down.message, down
    assert all(" " <= c <= "~" for line in withdrawd.lines() for c in line.text)

    liar.lie = None
    lab.wait_for_announcements(Prefixes.ALL, within=5)
    assert lab.peer.communities(Prefixes.TAGGED) == Prefixes.COMMUNITY


def test_log_status_and_check_say_the_same_of_a_fault(lab, liar, withdrawd):
    liar.lie = "TCP stops"
    down = withdrawd.wait_for_health("resolver", "down")
    known = "no answer in 150 ms (over TCP, after a truncated answer)"
    assert known in down.message
    for command in (["status", "--json"], ["show", Prefixes.PLAIN], ["check", "resolver", "--json"]):
        said = lab.start(*command, "-c", lab.directory / "withdrawd.toml")[1]
        assert known in " ".join(said.split()), said


@pytest.mark.parametrize("odd", ("flood of forgeries", "truncated"))
def test_a_good_answer_is_found_behind(lab, liar, withdrawd, odd):
    liar.lie = odd
    stays("what is announced", lambda: lab.peer.prefixes() == Prefixes.ALL, seconds=2)
    assert withdrawd.lines(containing=": down, was") == []
    assert withdrawd.lines("warning") == []


def processor_seconds(pid):
    """Of a process, by itself and in the kernel for it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_six_hundred_forged_answers_in_front_of_each_good_one_cost_nothing(lab, liar, measured):
    """More than a socket's receive buffer holds, before anything can be read."""
    configuration = lab.write(
        lab.configuration(check={"server": "127.0.0.3", "interval": "100ms", "timeout": "2s", "tries": 1})
    )
    with lab.withdrawd("run", "-c", configuration, "--log-level", "debug") as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("other", "up")

        def costs(seconds):
            before = processor_seconds(withdrawd.process.pid)
            stays("what is announced", lambda: lab.peer.prefixes() == Prefixes.ALL, seconds=seconds)
            return processor_seconds(withdrawd.process.pid) - before

        usual = costs(3)
        liar.lie, liar.sent = "burst of forgeries", 0
        flooded = costs(3)
        measured(
            f"{liar.sent / 3:.0f} forged answers a second: withdrawd takes {flooded / 3:.1%} of a core, "
            f"{usual / 3:.1%} without"
        )
        assert liar.sent >= 3000
        # Reading each would take ten times as much.
        assert flooded < 3 * usual + 0.1
        assert withdrawd.lines(containing=": down, was") == []
        assert withdrawd.lines("warning") == []
