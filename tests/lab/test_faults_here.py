"""Trouble of this host that must not pass for the server's: packets that its own filter drops, a CPU
that it does not get, and others that take its descriptors."""

import os
import resource
import shutil
import signal
import socket
import time

import pytest

from lab import Prefixes, stays
from lab.namespaces import command


@pytest.fixture
def refused_sends(lab):
    """The host's own filter drops questions on their way out, so that sending fails (EPERM)."""
    if not shutil.which("iptables"):
        pytest.skip("needs iptables")
    rule = "OUTPUT -o lo -p udp --dport 53 -m statistic --mode random --probability 0.3 -j DROP"

    def drop(verb):
        command(*lab.edge.enter("iptables", verb, *rule.split()))

    drop("-A")
    yield lambda: int(
        command(*lab.edge.enter("iptables", "-L", "OUTPUT", "-v", "-x", "-n")).stdout.splitlines()[2].split()[0]
    )
    drop("-D")


def test_what_the_hosts_own_filter_drops_is_not_the_servers_failure(lab, measured, refused_sends):
    with lab.withdrawd("run", "-c", lab.write(lab.configuration())) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("other", "up")
        lab.wait_for_announcements(Prefixes.ALL, within=5)
        stays("what is announced", lambda: lab.peer.prefixes() == Prefixes.ALL, seconds=6)
        measured(f"{refused_sends()} sends refused, nothing withdrawn")
        assert refused_sends() > 10
        assert withdrawd.lines(containing=": down, was up") == []


def test_a_withdrawd_that_hardly_gets_a_cpu_withdraws_nothing(lab, measured):
    check = {"interval": "100ms", "timeout": "150ms", "tries": 1}
    names = [f"again{n}" for n in range(60)]
    more = "".join(
        f'[check.{name}]\nserver = "127.0.0.1"\nname = "www.test.com"\n'
        'interval = "100ms"\ntimeout = "150ms"\ntries = 1\n'
        for name in names
    )
    configuration = lab.configuration(check=check, rule={"checks": ["resolver", *names]})
    with lab.withdrawd("run", "-c", lab.write(configuration + more)) as withdrawd:
        for name in ("resolver", "other", *names):
            withdrawd.wait_for_health(name, "up")
        lab.wait_for_announcements(Prefixes.ALL, within=5)
        heard = len(lab.peer.events())
        until = time.monotonic() + 8
        turns = 0
        while time.monotonic() < until:
            withdrawd.signal_it(signal.SIGSTOP)
            time.sleep(0.09)
            withdrawd.signal_it(signal.SIGCONT)
            time.sleep(0.002)  # 2 % of a core
            turns += 1
        measured(f"stopped {turns} times in 8 s: {len(lab.peer.events()) - heard} changes at the peer")
        assert withdrawd.lines(containing=": down, was up") == []
        assert len(lab.peer.events()) == heard
        lab.dns.kill()
        lab.wait_for_announcements(Prefixes.STAYING, within=3)
        lab.dns.repair()


def test_a_thousand_silent_clients_of_the_control_socket_hold_nothing_up(lab, measured):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] < 4096:
        pytest.skip("needs 4096 descriptors")
    # What most services are started with.
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
    try:
        with lab.withdrawd("run", "-c", lab.write(lab.configuration())) as withdrawd:
            resource.setrlimit(resource.RLIMIT_NOFILE, (4096, before[1]))
            withdrawd.wait_for_health("resolver", "up")
            withdrawd.wait_for_health("other", "up")
            clients = []
            for _ in range(1100):
                client = socket.socket(socket.AF_UNIX)
                client.connect(str(lab.directory / "control.sock"))
                clients.append(client)
            descriptors = len(os.listdir(f"/proc/{withdrawd.pids()[0]}/fd"))
            killed_at = lab.dns.kill()
            lab.wait_for_announcements(Prefixes.STAYING, within=2)
            took = max(at for at, _, _ in lab.peer.events(since=killed_at)) - killed_at
            measured(f"1100 silent clients: {descriptors} descriptors, withdrawn after {took:.2f} s")
            assert descriptors < 150
            lab.dns.repair()
            for client in clients:
                client.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
