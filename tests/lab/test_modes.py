"""once, cron, status, validate, against a real bgpd."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from lab import Prefixes, wait_until


def test_once_is_0_when_all_is_well(lab):
    status, said = lab.start("once", "-c", lab.write(lab.configuration()))
    assert status == 0, said
    assert lab.peer.prefixes() == Prefixes.ALL


def test_once_withdraws_a_sick_prefix_and_says_1(lab):
    lab.dns.kill()
    status, said = lab.start("once", "-c", lab.write(lab.configuration()))
    assert status == 1, said
    lab.wait_for_announcements(Prefixes.STAYING, within=2)

    # Each run goes on counting where the one before stopped: three good answers make it up.
    lab.dns.repair()
    statuses = []
    while 0 not in statuses and len(statuses) < 3:
        status, said = lab.start("once", "-c", lab.write(lab.configuration()))
        statuses.append(status)
    assert statuses[-1] == 0 and set(statuses[:-1]) <= {1}, (statuses, said)
    lab.wait_for_announcements(Prefixes.ALL, within=2)
    assert lab.peer.communities(Prefixes.TAGGED) == Prefixes.COMMUNITY


def test_once_says_3_when_bgpd_cannot_be_reached(lab):
    nowhere = {"socket": lab.directory / "nowhere", "vtysh": "/bin/false", "telnet": "127.0.0.1:1"}
    status, said = lab.start("once", "-c", lab.write(lab.configuration(bgpd=nowhere)))
    assert status == 3, said


def test_a_broken_configuration_is_2_everywhere(lab):
    broken = lab.write(lab.configuration() + "\nchekcs = 1\n", "broken.toml")
    for subcommand in ("run", "cron", "once", "status", "validate"):
        status, said = lab.start(subcommand, "-c", broken)
        assert (subcommand, status) == (subcommand, 2), said
        assert "broken.toml:" in said


def test_validate_is_0_for_a_sound_configuration(lab):
    status, said = lab.start("validate", "-c", lab.write(lab.configuration()))
    assert status == 0, said


def test_status_shows_what_is_withdrawn_and_why(lab):
    configuration = lab.write(lab.configuration())
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("other", "up")

        def agrees(wanted):
            def probe():
                status, said = lab.start("status", "-c", configuration)
                return status == wanted and said

            return probe

        said = wait_until("status to be 0", agrees(0), within=5)
        for prefix in Prefixes.ANYCAST | {Prefixes.OTHER}:
            assert prefix in said
        lab.dns.kill()
        lab.wait_for_announcements(Prefixes.STAYING, within=5)
        said = wait_until("status to be 1", agrees(1), within=5)
        rows = {prefix: row for row in said.splitlines() for prefix in Prefixes.ALL if prefix in row}
        assert "withdrawn" in rows[Prefixes.PLAIN]
        assert "withdrawn" not in rows[Prefixes.OTHER]
        assert "port unreachable" in said


def test_cron_ends_in_time_and_takes_its_counts_along(lab):
    configuration = lab.write(lab.configuration(check={"rise": 3, "fall": 2}))
    started = time.monotonic()
    status, said = lab.start("cron", "-c", configuration, "--for", "3s", within=6)
    assert status == 0, said
    assert time.monotonic() - started < 3.5

    lab.dns.kill()
    with lab.withdrawd("cron", "-c", configuration, "--for", "10s"):
        lab.wait_for_announcements(Prefixes.STAYING, within=5)


@pytest.mark.parametrize("second", ("run", "cron"))
def test_a_second_one_never_acts_beside_the_first(lab, second):
    configuration = lab.write(lab.configuration())
    with lab.withdrawd("run", "-c", configuration) as first:
        first.wait_for_health("resolver", "up")
        with lab.withdrawd(second, "-c", configuration, "--log-level", "debug") as other:
            wait_until(
                "the second to wait or leave", lambda: other.lines() or not other.running, within=5
            )
            lab.dns.kill()
            lab.wait_for_announcements(Prefixes.STAYING, within=5)
            first.wait_for_line(f"{Prefixes.PLAIN} withdrawn")
            assert other.lines(containing="withdrawn in") == []
            assert other.lines(containing=': down, was') == []


def test_status_watch_on_a_terminal_is_one_screen_and_gives_it_back(lab):
    configuration = lab.write(lab.configuration(transports=["socket"]))
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        withdrawd.wait_for_health("other", "up")
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
        argv = lab.place.enter(
            lab.program, "status", "--watch", "--interval", "200ms", "-c", configuration
        )
        watch = subprocess.Popen(
            [str(word) for word in argv], stdin=slave, stdout=slave, stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        seen = ""

        def read_until(text):
            nonlocal seen
            deadline = time.monotonic() + 10
            while text not in seen:
                assert time.monotonic() < deadline, seen
                if select.select([master], [], [], 0.1)[0]:
                    seen += os.read(master, 65536).decode()

        try:
            read_until("announced")
            assert seen.startswith("\x1b[?1049h\x1b[?25l")
            lab.dns.kill()
            read_until("withdrawn")
            watch.send_signal(signal.SIGINT)
            read_until("\x1b[?25h\x1b[?1049l")
            assert watch.wait(5) == 1  # as the last one showed
        finally:
            watch.kill()
            os.close(master)
    # Nothing but a whole screen is drawn after the first.
    assert seen.count("\x1b[2J") == 1
    assert seen.count("\x1b[H") >= 2


def test_status_watch_into_a_pipe_ends_with_its_reader(lab):
    configuration = lab.write(lab.configuration(transports=["socket"]))
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("other", "up")
        argv = lab.place.enter(
            lab.program, "status", "--watch", "--json", "--interval", "100ms", "-c", configuration
        )
        with subprocess.Popen([str(word) for word in argv], stdout=subprocess.PIPE) as watch:
            for _ in range(3):
                assert json.loads(watch.stdout.readline())["source"] == "daemon"
            watch.stdout.close()
            assert watch.wait(5) in (0, 1)
