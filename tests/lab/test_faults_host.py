"""A host that fails: withdrawd goes on with what it can do, and withdraws nothing for it."""

import contextlib
import signal
import subprocess
import time
from pathlib import Path

import pytest

from lab import Prefixes, stays, wait_until


def limit(withdrawd, what):
    subprocess.run(["prlimit", "--pid", str(withdrawd.pids()[0]), what], check=True)


def withdraws_and_announces(lab, withdrawd):
    """What it is there for still works."""
    killed_at = lab.dns.kill()
    lab.wait_for_announcements(Prefixes.STAYING, within=3)
    heard = lab.peer.events(since=killed_at)
    assert {(v, p) for _, v, p in heard} == {("withdrawn", p) for p in Prefixes.ANYCAST}
    lab.dns.repair()
    lab.wait_for_announcements(Prefixes.ALL, within=5)
    assert lab.peer.communities(Prefixes.TAGGED) == Prefixes.COMMUNITY
    withdrawd.assert_running()


def all_is_well(code, text):
    """As withdrawd itself says, not as a look from outside shows before it has asked."""
    return code == 0 and '"source":"daemon"' in text


@contextlib.contextmanager
def started(lab, more="", **changes):
    configuration = lab.write(lab.configuration(**changes) + more)
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        wait_until(
            "withdrawd to know that all is well",
            lambda: all_is_well(*lab.start("status", "--json", "-c", configuration)),
            within=10, every=0.1,
        )
        yield withdrawd


@pytest.fixture
def small_disk(lab):
    place = lab.directory / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", "-l", place], check=True)
    place.rmdir()


def fill(place):
    with contextlib.suppress(OSError), open(place / "filler", "wb", buffering=0) as filler:
        while True:
            filler.write(b"x" * 512)


def test_a_full_disk(lab, small_disk):
    top = {"state_file": small_disk / "state.json", "history_file": small_disk / "history.jsonl"}
    with started(lab, top=top) as withdrawd:
        fill(small_disk)
        withdraws_and_announces(lab, withdrawd)
        withdrawd.wait_for_line("state.json", level="warning")
        assert withdrawd.terminate() == 0


def test_a_file_system_that_becomes_read_only(lab, small_disk):
    top = {"state_file": small_disk / "state.json", "history_file": small_disk / "history.jsonl"}
    with started(lab, top=top) as withdrawd:
        subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
        withdraws_and_announces(lab, withdrawd)
        withdrawd.wait_for_line("state.json", level="warning")
        assert withdrawd.terminate() == 0


def test_a_log_that_takes_nothing(lab):
    with started(lab, more='\n[log]\nfile = "/dev/full"\n') as withdrawd:
        withdraws_and_announces(lab, withdrawd)
        assert withdrawd.terminate() == 0


@pytest.mark.parametrize("damage", (b"", b"{", b"\0" * 4096, b"[" * 100000))
def test_a_damaged_state_file(lab, damage):
    (lab.directory / "state.json").write_bytes(damage)
    with started(lab) as withdrawd:
        withdrawd.wait_for_line("state.json", level="warning")
        withdraws_and_announces(lab, withdrawd)


def test_a_moment_without_descriptors_withdraws_nothing_and_is_told(lab):
    sessions = lab.peer.sessions()
    with started(lab) as withdrawd:
        limit(withdrawd, "--nofile=5:1024")
        line = withdrawd.wait_for_line("Too many open files", level="error")
        assert 'check "resolver"' in line.message or 'check "other"' in line.message
        stays("what is announced", lambda: lab.peer.prefixes() == Prefixes.ALL, seconds=3)
        limit(withdrawd, "--nofile=1024:1024")
        withdraws_and_announces(lab, withdrawd)
    assert lab.peer.changes_since(sessions) == []


def test_without_descriptors_for_ten_seconds_what_nobody_can_ask_is_down(lab, measured):
    with started(lab) as withdrawd:
        since = time.time()
        limit(withdrawd, "--nofile=5:1024")
        down = withdrawd.wait_for_line(": down, was up", level="warning", within=13)
        assert "Too many open files" in down.message
        took = time.time() - since
        measured(f"no descriptors: checks are down after {took:.1f} s")
        assert took > 9.5
        limit(withdrawd, "--nofile=1024:1024")
        lab.wait_for_announcements(Prefixes.ALL, within=10)


def test_32_megabytes_of_resident_memory_are_enough(lab, sizes_count):
    with started(lab) as withdrawd:
        withdraws_and_announces(lab, withdrawd)
        status = Path(f"/proc/{withdrawd.pids()[0]}/status").read_text()
        peak = next(int(x.split()[1]) for x in status.splitlines() if x.startswith("VmHWM"))
        assert peak < 32 * 1024


def test_a_withdrawd_that_was_suspended_withdraws_nothing_when_it_wakes(lab):
    with started(lab) as withdrawd:
        heard = len(lab.peer.events())
        withdrawd.signal_it(signal.SIGSTOP)
        time.sleep(3)  # The suspension itself; there is no event in it.
        withdrawd.signal_it(signal.SIGCONT)
        stays("what is announced", lambda: lab.peer.prefixes() == Prefixes.ALL, seconds=1)
        assert len(lab.peer.events()) == heard
        withdraws_and_announces(lab, withdrawd)


@pytest.mark.parametrize("delay", (0.0, 0.02, 0.05, 0.1, 0.2, 0.3))
def test_killed_at_any_moment_the_next_start_puts_it_right(lab, delay):
    with started(lab) as withdrawd:
        lab.dns.freeze()
        withdrawd.wait_for_health("resolver", "down")
        time.sleep(delay)  # Somewhere in the apply; which step it is does not matter.
        withdrawd.kill()
    with lab.withdrawd("run", "-c", lab.directory / "withdrawd.toml") as withdrawd:
        lab.wait_for_announcements(Prefixes.STAYING, within=3)
        lab.dns.repair()
        lab.wait_for_announcements(Prefixes.ALL, within=5)
        assert lab.peer.communities(Prefixes.TAGGED) == Prefixes.COMMUNITY
