"""A host that fails: withdrawd goes on with what it can do, and withdraws nothing for it."""

import contextlib
import json
import signal
import socket
import subprocess
import threading
import time

import pytest

from lab import Prefixes, stays, wait_until
from lab.vty_proxy import END, VtyProxy


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


def test_a_log_that_takes_nothing(lab, small_disk):
    with started(lab, more=f'\n[log]\nfile = "{small_disk}/log"\n') as withdrawd:
        fill(small_disk)
        withdraws_and_announces(lab, withdrawd)
        assert withdrawd.terminate() == 0


@pytest.mark.parametrize("damage", (b"", b"{", b"\0" * 4096, b"[" * 100000))
def test_a_damaged_state_file(lab, damage):
    (lab.directory / "state.json").write_bytes(damage)
    with started(lab) as withdrawd:
        withdrawd.wait_for_line("state.json", level="warning")
        withdraws_and_announces(lab, withdrawd)


# A check with a source makes a socket for each question.
NEEDS_A_SOCKET = {"source": "127.0.0.1"}


def test_a_moment_without_descriptors_withdraws_nothing_and_is_told(lab, sizes_count):
    sessions = lab.peer.sessions()
    with started(lab, check=NEEDS_A_SOCKET) as withdrawd:
        limit(withdrawd, "--nofile=5:1024")
        line = withdrawd.wait_for_line("Too many open files", level="error")
        assert 'check "resolver"' in line.message
        stays("what is announced", lambda: lab.peer.prefixes() == Prefixes.ALL, seconds=3)
        limit(withdrawd, "--nofile=1024:1024")
        withdraws_and_announces(lab, withdrawd)
    assert lab.peer.changes_since(sessions) == []


def test_who_has_a_socket_already_goes_on_asking_without_descriptors(lab, sizes_count):
    with started(lab) as withdrawd:
        limit(withdrawd, "--nofile=5:1024")
        stays("what is announced", lambda: lab.peer.prefixes() == Prefixes.ALL, seconds=3)
        assert withdrawd.lines("error") == []


def test_without_descriptors_for_ten_seconds_what_nobody_can_ask_is_down(lab, measured, sizes_count):
    with started(lab, check=NEEDS_A_SOCKET) as withdrawd:
        since = time.time()
        limit(withdrawd, "--nofile=5:1024")
        down = withdrawd.wait_for_line(": down, was up", level="warning", within=13)
        assert "Too many open files" in down.message
        took = time.time() - since
        measured(f"no descriptors: checks are down after {took:.1f} s")
        assert took > 9.5
        limit(withdrawd, "--nofile=1024:1024")
        lab.wait_for_announcements(Prefixes.ALL, within=10)


MEGABYTE = 1 << 20


def test_32_megabytes_of_memory_are_enough(lab, sizes_count, measured):
    with started(lab) as withdrawd:
        # More than that the kernel does not give.
        limit(withdrawd, f"--data={32 * MEGABYTE}")
        for _ in range(2):
            withdraws_and_announces(lab, withdrawd)
        measured(f"memory: {withdrawd.peak_kib() / 1024:.1f} MiB at most")
        assert withdrawd.peak_kib() < 32 * 1024
        assert withdrawd.lines("error") == withdrawd.lines("critical") == []


def test_a_configuration_that_is_longer_than_may_be_is_the_next_transports_to_get(
    lab, sizes_count
):
    pids, sessions = lab.bgpd.pids(), lab.peer.sessions()
    proxy = VtyProxy(lab.bgpd, lab.directory / "vast")
    try:
        transports = ["socket", "telnet"]
        with started(lab, transports=transports, bgpd={"socket": proxy.path}) as withdrawd:
            limit(withdrawd, f"--data={32 * MEGABYTE}")
            vast = b"!\nrouter bgp 65001\n" + b" network 192.0.2.0/24\n" * MEGABYTE
            proxy.instead["show running-config"] = vast + END + b"\0"
            withdraws_and_announces(lab, withdrawd)
            line = withdrawd.wait_for_line("longer than 8 MiB", level="warning")
            assert f"{proxy.path}: " in line.message and "through telnet" in line.message
            assert withdrawd.lines("critical") == []
    finally:
        proxy.close()
    assert lab.bgpd.pids() == pids
    assert lab.peer.changes_since(sessions) == []


def longer_by(size):
    """Of a running configuration: `size` bytes of prefix lists go before its first router."""
    entry = "ip prefix-list LONG seq {} permit 10.{}.{}.0/24\n!\n"
    block = "".join(entry.format(n + 1, n >> 8, n & 255) for n in range(65536)).encode()
    lists = (block * (size // len(block) + 1))[:size]
    lists = lists[: lists.rindex(b"\n!\n") + 3]

    def alter(answer):
        head, router, rest = answer.partition(b"router bgp ")
        assert router
        return head + lists + router + rest

    return alter


class Asker(threading.Thread):
    """Asks for the status again and again, and has how long the slowest answer took."""

    def __init__(self, path):
        super().__init__()
        self.path, self.closing = path, False
        self.slowest, self.answers, self.last = 0.0, 0, ""

    def run(self):
        while not self.closing:
            begun = time.monotonic()
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(10)
                client.connect(str(self.path))
                client.sendall(b"status\n")
                answer = b""
                while got := client.recv(65536):
                    answer += got
            self.slowest = max(self.slowest, time.monotonic() - begun)
            self.answers += 1
            self.last = answer.decode()
            time.sleep(0.01)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.closing = True
        self.join()


def test_a_configuration_of_60_megabytes_is_read_as_it_comes(lab, sizes_count, measured):
    pids, sessions = lab.bgpd.pids(), lab.peer.sessions()
    proxy = VtyProxy(lab.bgpd, lab.directory / "long")
    sent = []
    alter = longer_by(60 * MEGABYTE)

    def longer(answer):
        sent.append(alter(answer))
        return sent[-1]

    proxy.altered["show running-config"] = longer
    try:
        with started(lab, bgpd={"socket": proxy.path}) as withdrawd:
            with Asker(lab.directory / "control.sock") as asker:
                withdraws_and_announces(lab, withdrawd)
            assert len(sent) >= 3 and all(len(one) > 59 * MEGABYTE for one in sent)
            measured(
                f"a configuration of 60 MB: memory {withdrawd.peak_kib() / 1024:.1f} MiB at most, "
                f"status answered {asker.answers} times, in {asker.slowest * 1000:.0f} ms at most"
            )
            assert json.loads(asker.last)["bgpd"]["transport"] == f"socket {proxy.path}"
            assert asker.answers > 10 and asker.slowest < 0.3
            assert withdrawd.peak_kib() < 64 * 1024
            assert withdrawd.lines(containing="longer than") == []
            for word in ("through vtysh", "through telnet"):
                assert withdrawd.lines(containing=word) == []
            assert withdrawd.lines("critical") == []
    finally:
        proxy.close()
    assert lab.bgpd.pids() == pids
    assert lab.peer.changes_since(sessions) == []


def test_without_memory_for_its_own_work_it_ends_says_so_and_the_next_start_goes_on(
    lab, sizes_count
):
    pids, sessions = lab.bgpd.pids(), lab.peer.sessions()
    with started(lab) as withdrawd:
        since = time.time()
        vast = "".join(
            f'[check.vast{n}]\nserver = "127.0.0.1"\nname = "www.test.com"\n' for n in range(20000)
        )
        lab.write(lab.configuration() + vast)
        limit(withdrawd, f"--data={16 * MEGABYTE}")
        withdrawd.signal_it(signal.SIGHUP)
        assert withdrawd.wait(20) == 1
        line = withdrawd.lines("critical", "out of memory: this run ends")[0]
        assert "announcements stay as they are" in line.message
        assert lab.peer.events(since) == []
    lab.dns.kill()
    with lab.withdrawd("run", "-c", lab.write(lab.configuration())) as withdrawd:
        lab.wait_for_announcements(Prefixes.STAYING, within=3)
    assert lab.bgpd.pids() == pids
    assert lab.peer.changes_since(sessions) == []


@pytest.mark.parametrize("command", (f"no network {Prefixes.PLAIN}", "end", "show running-config"))
def test_without_memory_in_the_middle_of_an_apply_nothing_is_left_unsaid(
    lab, sizes_count, command
):
    """It goes on with what it has, or ends and says so; in no case does it stand there."""
    proxy = VtyProxy(lab.bgpd, lab.directory / "scarce")
    try:
        with started(lab, transports=["socket"], bgpd={"socket": proxy.path}) as withdrawd:

            def moment(stage, what):
                if stage == "after" and what == command and not lab.dns.program.running:
                    proxy.moment = None
                    limit(withdrawd, "--data=1")

            proxy.moment = moment
            lab.dns.kill()
            wait_until(
                "the change or the end of withdrawd",
                lambda: not withdrawd.running or lab.peer.prefixes() == Prefixes.STAYING, within=10,
            )
            if not withdrawd.running:
                assert withdrawd.wait(1) == 1
                assert withdrawd.lines("critical", "out of memory: this run ends")
        with lab.withdrawd("run", "-c", lab.directory / "withdrawd.toml"):
            lab.wait_for_announcements(Prefixes.STAYING, within=5)
    finally:
        proxy.close()


def test_a_withdrawd_that_was_suspended_withdraws_nothing_when_it_wakes(lab):
    with started(lab) as withdrawd:
        heard = len(lab.peer.events())
        withdrawd.signal_it(signal.SIGSTOP)
        time.sleep(3)  # The suspension itself; there is no event in it.
        withdrawd.signal_it(signal.SIGCONT)
        stays("what is announced", lambda: lab.peer.prefixes() == Prefixes.ALL, seconds=1)
        assert len(lab.peer.events()) == heard
        withdraws_and_announces(lab, withdrawd)
