"""A path that loses packets, and one that delays them: bench/loss measures how much of it which
settings bear; here is that those made for it do, and that a path which loses all is no path."""

import random
import shutil

import pytest

from lab import Prefixes, stays
from lab.lying_dns import LyingDns
from lab.namespaces import command

pytestmark = pytest.mark.skipif(not shutil.which("iptables"), reason="needs iptables")

ADDRESS = "127.0.0.3"


@pytest.fixture
def server(lab):
    server = LyingDns(lab.edge, ADDRESS)
    yield server
    server.close()


@pytest.fixture
def path(lab):
    """Loses packets to and from the server with a probability, and says how many it has lost."""

    def rules(verb, probability):
        for end in ("-s", "-d"):
            command(*lab.edge.enter(
                "iptables", verb, "INPUT", "-i", "lo", end, ADDRESS, "-m", "statistic", "--mode",
                "random", "--probability", str(probability), "-j", "DROP",
            ))

    def lose(probability):
        command(*lab.edge.enter("iptables", "-F", "INPUT"))
        if probability:
            rules("-A", probability)

    def lost():
        listed = command(*lab.edge.enter("iptables", "-L", "INPUT", "-v", "-x", "-n")).stdout
        return sum(int(line.split()[0]) for line in listed.splitlines() if "DROP" in line)

    yield lose, lost
    lose(0)


def test_what_is_made_for_a_lossy_path_bears_a_fifth_of_it_lost(lab, server, path, measured):
    lose, lost = path
    check = {"server": ADDRESS, "timeout": "500ms", "tries": 5, "fall": 3}
    with lab.withdrawd("run", "-c", lab.write(lab.configuration(check=check))) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("other", "up")
        heard = len(lab.peer.events())
        lose(0.2)
        stays("what is announced", lambda: lab.peer.prefixes() == Prefixes.ALL, seconds=5)
        assert len(lab.peer.events()) == heard
        measured(f"20 % loss for 5 s, tries = 5, fall = 3: {lost()} packets lost, nothing withdrawn")
        assert lost() > 5
        assert withdrawd.lines(containing=": down, was up") == []
        lose(1)
        lab.wait_for_announcements(Prefixes.STAYING, within=5)
        lose(0)
        lab.wait_for_announcements(Prefixes.ALL, within=5)


def test_answers_that_take_up_to_400_milliseconds_are_answers(lab, server):
    check = {"server": ADDRESS, "timeout": "1s"}  # the default
    with lab.withdrawd("run", "-c", lab.write(lab.configuration(check=check))) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("other", "up")
        heard = len(lab.peer.events())

        def all_is_announced():
            server.delay = random.uniform(0, 0.4)
            return lab.peer.prefixes() == Prefixes.ALL

        stays("what is announced", all_is_announced, seconds=4)
        assert len(lab.peer.events()) == heard
        assert withdrawd.lines(containing=": down, was up") == []
