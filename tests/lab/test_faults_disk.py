"""Disks that hang, and paths that are no files: withdrawals never wait for either."""

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from lab import Prefixes, stays, wait_until
from lab.manager import Manager

LIBC = ctypes.CDLL(None, use_errno=True)


def has(program):
    return subprocess.run(["which", program], capture_output=True).returncode == 0


class Frozen:
    """A file system of its own that can be frozen, as for a snapshot of a virtual machine: whoever
    writes to it sleeps in the kernel, and no signal ends that."""

    def __init__(self, directory, kind):
        self.kind = kind
        self.image = directory / "disk.img"
        self.place = directory / "disk"
        self.place.mkdir()
        size, options = ("64M", ["-q"]) if kind == "ext4" else ("320M", ["-q", "-f"])
        subprocess.run(["truncate", "-s", size, self.image], check=True)
        subprocess.run([f"mkfs.{kind}", *options, self.image], check=True)
        subprocess.run(["mount", "-o", "loop", self.image, self.place], check=True)
        self.is_frozen = False

    @contextlib.contextmanager
    def frozen(self):
        """Thawed when this is left: before, no process that writes there can be killed."""
        subprocess.run(["fsfreeze", "--freeze", self.place], check=True)
        self.is_frozen = True
        try:
            yield
        finally:
            self.thaw()

    def thaw(self):
        if self.is_frozen:
            subprocess.run(["fsfreeze", "--unfreeze", self.place], check=True)
        self.is_frozen = False

    def close(self):
        subprocess.run(["umount", "-l", self.place], check=True)
        self.place.rmdir()
        self.image.unlink()


@pytest.fixture(params=["ext4", "xfs"])
def disk(lab, request):
    if not has("fsfreeze") or not has(f"mkfs.{request.param}"):
        pytest.skip(f"no fsfreeze or no mkfs.{request.param}")
    try:
        disk = Frozen(lab.directory, request.param)
    except subprocess.CalledProcessError as problem:
        pytest.skip(f"no loop device: {problem}")
    yield disk
    disk.close()


class Hanging:
    """A file system whose server takes each request and answers none: a network file system whose
    server is away. (FUSE, whose protocol begins with a request that is not answered either.)"""

    def __init__(self, place):
        self.place = place
        place.mkdir()
        self.device = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={self.device},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
        if LIBC.mount(b"hanging", str(place).encode(), b"fuse", 0, options) != 0:
            number = ctypes.get_errno()
            os.close(self.device)
            place.rmdir()
            raise OSError(number, "mount fuse")

    def close(self):
        LIBC.umount2(str(self.place).encode(), 2)  # MNT_DETACH
        os.close(self.device)  # whoever waits is told that there is no connection
        self.place.rmdir()


@pytest.fixture
def hanging(lab):
    try:
        hanging = Hanging(lab.directory / "nfs")
    except OSError as problem:
        pytest.skip(f"no FUSE: {problem}")
    yield hanging
    hanging.close()


@contextlib.contextmanager
def started(lab, more="", *arguments, env=None, **changes):
    configuration = lab.write(lab.configuration(**changes) + more)
    with lab.withdrawd("run", "-c", configuration, *arguments, env=env) as withdrawd:
        wait_until_well(lab, configuration)
        yield withdrawd


def wait_until_well(lab, configuration):
    wait_until(
        "withdrawd to know that all is well",
        lambda: '"source":"daemon"' in (said := lab.start("status", "--json", "-c", configuration))[1]
        and said[0] == 0,
        within=10, every=0.1,
    )
    lab.wait_for_announcements(Prefixes.ALL, within=5)


def withdraws_and_announces(lab):
    killed_at = lab.dns.kill()
    lab.wait_for_announcements(Prefixes.STAYING, within=3)
    heard = lab.peer.events(since=killed_at)
    assert {(v, p) for _, v, p in heard} == {("withdrawn", p) for p in Prefixes.ANYCAST}
    took = max(at for at, _, _ in heard) - killed_at
    lab.dns.repair()
    lab.wait_for_announcements(Prefixes.ALL, within=5)
    return took


def on(disk):
    return {"state_file": disk / "state.json", "history_file": disk / "history.jsonl"}


def test_a_frozen_disk_under_log_history_and_state_delays_nothing(lab, disk, measured):
    more = f'\n[log]\nfile = "{disk.place}/log"\n[metrics]\nfile = "{disk.place}/x.prom"\n'
    with started(lab, more, top=on(disk.place)) as withdrawd:
        with disk.frozen():
            took = withdraws_and_announces(lab)
            measured(f"{disk.kind}: withdrawn {took:.2f} s after the fault, on a frozen disk")
            assert took < 1
            # More than once: the first write that hangs is not the last.
            withdraws_and_announces(lab)
            lab.dns.kill()
            lab.wait_for_announcements(Prefixes.STAYING, within=3)
            said = lab.start("status", "--json", "-c", lab.directory / "withdrawd.toml")[1]
            assert '"source":"daemon"' in said

        def written(name):
            """Each file has a writer of its own: one that was to be made on the frozen disk may be
            there a moment after the others."""
            with contextlib.suppress(FileNotFoundError):
                return (disk.place / name).read_text()
            return ""

        def health():
            state = json.loads(written("state.json") or "{}")
            return state and state["checks"]["resolver"]["health"]

        wait_until("the newest state to be written", lambda: health() == "down", within=5)
        wait_until(
            "the history to be whole",
            lambda: written("history.jsonl").count('"withdrawn"') >= 9, within=5,
        )
        wait_until(
            "the log to be whole",
            lambda: written("log").count(f"{Prefixes.PLAIN} withdrawn") >= 3, within=5,
        )
        assert withdrawd.terminate() == 0
        lab.dns.repair()


@pytest.fixture
def manager(lab):
    manager = Manager(lab.directory / "notify", patience=1)
    yield manager
    manager.close()


def test_a_frozen_disk_is_told_of_and_the_service_manager_hears_of_a_daemon_that_lives(
    lab, disk, manager
):
    with started(lab, top=on(disk.place), env=manager.environment) as withdrawd:
        names = {"history": disk.place / "history.jsonl", "state": disk.place / "state.json"}
        with disk.frozen():
            withdraws_and_announces(lab)
            for name, path in names.items():
                withdrawd.wait_for_line(
                    f"{name} ({path}): a write has not ended for ", level="error", within=10
                )
            before = manager.beats()
            wait_until("signs of life", lambda: manager.beats() >= before + 4, within=10)
            assert withdrawd.lines(containing="writes end again") == []
        for name, path in names.items():
            withdrawd.wait_for_line(f"{name} ({path}): writes end again", level="info")
        assert withdrawd.terminate() == 0


def test_the_end_of_a_run_does_not_wait_for_a_frozen_disk(lab, disk, measured):
    more = f'\n[log]\nfile = "{disk.place}/log"\n'
    second = lab.write(
        lab.configuration(
            top={"state_file": lab.directory / "other.json",
                 "history_file": lab.directory / "other.jsonl"},
        ),
        "second.toml",
    )
    with started(lab, more, top=on(disk.place)) as withdrawd:
        with disk.frozen():
            lab.dns.kill()
            lab.wait_for_announcements(Prefixes.STAYING, within=3)
            pid = withdrawd.pids()[0]
            asked_at = time.monotonic()
            withdrawd.signal_it(signal.SIGTERM)
            # A thread sleeps in the kernel, and with it the process. But nobody has to wait for
            # that: what it held is free.
            wait_until("its main thread to have ended", lambda: state_of(pid) in ("Z", ""), within=8)
            measured(f"{disk.kind}: SIGTERM, over after {time.monotonic() - asked_at:.1f} s")
            assert not (lab.directory / "control.sock").exists()
            assert withdrawd.running, "a process of which a thread sleeps in the kernel does not go"
            lab.dns.repair()
            with lab.withdrawd("run", "-c", second) as next_one:
                lab.wait_for_announcements(Prefixes.ALL, within=5)
                next_one.assert_running()
        withdrawd.wait(within=5)


def state_of(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except OSError:
        return ""


def sleeps(pid):
    """Is a thread of it in a sleep that the disk alone ends?"""
    threads = (task.name for task in Path(f"/proc/{pid}/task").iterdir())
    return any(state_of(f"{pid}/task/{thread}") == "D" for thread in threads)


def test_standard_error_that_nobody_reads_delays_nothing(lab, measured):
    configuration = lab.write(lab.configuration())
    reader, writer = os.pipe()
    process = subprocess.Popen(
        lab.place.enter(lab.program, "run", "-c", configuration),
        stderr=writer, stdin=subprocess.DEVNULL,
    )
    try:
        wait_until_well(lab, configuration)
        # Through an opening of its own, so that nothing else of the pipe changes.
        filler = os.open(f"/proc/self/fd/{writer}", os.O_WRONLY | os.O_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(filler, b"x" * 4096)
        os.close(filler)
        took = withdraws_and_announces(lab)
        measured(f"standard error full: withdrawn {took:.2f} s after the fault")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=6) == 0
    finally:
        process.kill()
        process.wait()
        os.close(reader)
        os.close(writer)


def test_a_file_check_on_a_disk_that_hangs_stops_no_other(lab, hanging):
    more = (
        f'\n[check.switch]\ntype = "file"\npath = "{hanging.place}/down"\npresent = "drain"\n'
        'interval = "200ms"\n'
    )
    configuration = lab.write(lab.configuration(rule={"checks": ["resolver", "switch"]}) + more)
    # Not asked for its status before it answers: a second process that looks for the same file
    # would sleep behind the first, and not even SIGKILL would end it.
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_line("begins")
        withdrawd.wait_for_health("resolver", "up")
        stays("what is announced", lambda: lab.peer.prefixes() == Prefixes.ALL, seconds=2)
        withdraws_and_announces(lab)


def asked(lab, request, within=7):
    """What the daemon answers, and how long it took. Not by a command of withdrawd, which may look
    at the same disk itself, and would sleep as well."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(within)
        asked_at = time.monotonic()
        client.connect(str(lab.directory / "control.sock"))
        client.sendall(request.encode() + b"\n")
        answer = b""
        while got := client.recv(65536):
            answer += got
        return answer.decode(), time.monotonic() - asked_at


def test_history_and_state_on_a_disk_that_hangs_delay_nothing(lab, hanging, measured):
    configuration = lab.write(lab.configuration(top=on(hanging.place)))
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_line("begins", within=20)
        withdrawd.wait_for_health("resolver", "up", within=20)
        lab.wait_for_announcements(Prefixes.ALL)
        for _ in range(2):
            took = withdraws_and_announces(lab)
            answer, status_took = asked(lab, "status")
            measured(
                f"history and state on a disk that hangs: withdrawn {took:.2f} s after the fault, "
                f"status answered in {status_took * 1000:.0f} ms"
            )
            assert took < 1
            assert json.loads(answer)["checks"]
            assert status_took < 0.5
        withdrawd.wait_for_line(": a write has not ended for ", level="error", within=10)
        assert withdrawd.terminate(within=8) == 0


def test_a_configuration_on_a_disk_that_hangs_is_a_reload_that_waits(lab, hanging):
    folder = lab.directory / "conf.d"
    folder.mkdir()
    more = f'\ninclude = ["{folder}/*.toml"]\n'
    text = lab.configuration()
    configuration = lab.write(more + text)
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        lab.wait_for_announcements(Prefixes.ALL)
        withdrawd.wait_for_line("begins")
        (folder / "a.toml").symlink_to(hanging.place / "a.toml")
        withdrawd.signal_it(signal.SIGHUP)
        wait_until("a thread to sleep there", lambda: sleeps(withdrawd.pids()[0]), within=5)
        withdraws_and_announces(lab)
        assert "the configuration is still being read after 5.0 s" in asked(lab, "reload")[0]
        assert withdrawd.terminate() == 0
    (folder / "a.toml").unlink()
    folder.rmdir()


def test_a_log_on_a_disk_that_hangs_can_be_moved_away(lab, hanging, measured):
    """Nothing says anything of the log's file before: it may have been renamed, so a reload opens
    that first, and the new one with it."""
    well, ill = (f'\n[log]\nfile = "{place}/log"\n' for place in (lab.directory, hanging.place))
    with started(lab, well) as withdrawd:
        lab.wait_for_announcements(Prefixes.ALL)
        configuration = lab.write(lab.configuration() + ill)
        assert said(lab, "reload", "-c", configuration) == (0, "the new configuration is good, and in force\n")
        withdraws_and_announces(lab)
        lab.write(lab.configuration() + well)
        asked_at = time.monotonic()
        withdrawd.signal_it(signal.SIGHUP)
        wait_until(
            "the log to be where it was",
            lambda: (lab.directory / "log").read_text().count("goes on with the new configuration"),
            within=8,
        )
        measured(f"a log on a disk that hangs is moved away in {time.monotonic() - asked_at:.1f} s")
        withdraws_and_announces(lab)
        assert withdrawd.terminate() == 0


def test_a_command_on_a_disk_that_hangs_stops_nobody(lab, hanging):
    more = f'\non_change = ["{hanging.place}/told"]\n'
    configuration = lab.write(more + lab.configuration())
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        lab.wait_for_announcements(Prefixes.ALL)
        withdrawd.wait_for_line("begins")
        for _ in range(3):
            withdraws_and_announces(lab)
        assert withdrawd.terminate(within=8) == 0


@pytest.fixture
def fifo(lab):
    path = lab.directory / "fifo"
    os.mkfifo(path)
    yield path
    path.unlink()


def said(lab, *arguments, within=10):
    done = subprocess.run(
        lab.place.enter(lab.program, *map(str, arguments)), capture_output=True, text=True,
        timeout=within,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_fifo_as_log_refuses_the_start_and_says_what_it_is(lab, fifo):
    configuration = lab.write(lab.configuration() + f'\n[log]\nfile = "{fifo}"\n')
    code, text = said(lab, "run", "-c", configuration)
    assert code == 2
    assert "it is a FIFO" in text and "regular file" in text


@pytest.mark.parametrize("file", ["/dev/stderr", "/dev/stdout", "/dev/null"])
def test_the_devices_that_everybody_names_are_logs(lab, file):
    configuration = lab.write(lab.configuration() + f'\n[log]\nfile = "{file}"\n')
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        if file != "/dev/null":
            withdrawd.wait_for_line("begins")
        lab.wait_for_announcements(Prefixes.ALL)
        wait_until("an answer", lambda: lab.start("now", "-c", configuration)[0] == 0, within=5)
        assert withdrawd.terminate() == 0


def test_a_fifo_among_included_files_fails_the_reload_only(lab):
    folder = lab.directory / "conf.d"
    folder.mkdir()
    configuration = lab.write(f'include = ["{folder}/*.toml"]\n' + lab.configuration())
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_line("begins")
        os.mkfifo(folder / "a.toml")
        withdrawd.signal_it(signal.SIGHUP)
        withdrawd.wait_for_line("it is a FIFO", level="error")
        withdraws_and_announces(lab)
        code, text = said(lab, "validate", "-c", configuration)
        assert code == 2 and "it is a FIFO" in text
    (folder / "a.toml").unlink()
    folder.rmdir()


@pytest.mark.parametrize("file", ["fifo", "/dev/zero"])
def test_a_history_that_is_no_file_is_said_to_be_none(lab, fifo, file):
    path = fifo if file == "fifo" else file
    configuration = lab.write(lab.configuration(top={"history_file": path}))
    code, text = said(lab, "log", "-c", configuration)
    assert code == 2
    assert ("it is a FIFO" if file == "fifo" else "it is a device") in text


def test_doctor_does_not_wait_for_the_fifo_that_another_process_names(lab, fifo):
    decoy = lab.directory / "decoy"
    decoy.mkdir()
    (decoy / "withdrawd").symlink_to("/usr/bin/python3")
    (decoy / "run").write_text("import time\ntime.sleep(60)\n")
    process = subprocess.Popen(
        lab.place.enter(decoy / "withdrawd", "run", "-c", fifo), cwd=decoy, stdin=subprocess.DEVNULL
    )
    try:
        wait_until(
            "the decoy to run",
            lambda: Path(f"/proc/{process.pid}/comm").read_text() == "withdrawd\n", within=5,
        )
        configuration = lab.write(lab.configuration())
        code, text = said(lab, "doctor", "-c", configuration, within=30)
        assert code in (0, 1), text
    finally:
        process.kill()
        process.wait()


def test_a_state_file_is_not_written_through_a_link(lab):
    """Nobody knows the name beforehand, and where somebody has put links for each pid they are
    not followed."""
    folder = lab.directory / "var"
    folder.mkdir()
    victim = lab.directory / "victim"
    victim.write_text("precious")
    configuration = lab.write(lab.configuration(top=on(folder)))
    process = subprocess.run(
        # The same pid, as exec keeps it.
        lab.place.enter(
            "sh", "-c",
            f'ln -s {victim} {folder}/state.json.$$; exec {lab.program} drain anycast -c {configuration}',
        ),
        capture_output=True, text=True, timeout=10,
    )
    assert process.returncode == 0, process.stderr
    assert victim.read_text() == "precious"
    assert json.loads((folder / "state.json").read_text())["drains"]
    folder.chmod(0o1777)
    code, text = said(lab, "undrain", "anycast", "-c", configuration)
    assert code == 2
    assert "everybody may write to its folder" in text
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


@pytest.mark.parametrize("command", ("once", "cron"))
def test_what_root_makes_first_belongs_to_the_service(lab, command):
    """Root's drain before the daemon's first start, and root's cron."""
    home = lab.directory / "service"
    home.mkdir()
    os.chown(home, 65534, 65534)
    configuration = lab.write(lab.configuration(top={**on(home), "lock_file": home / "lock"}))
    assert said(lab, "drain", "anycast", "--for", "1h", "-c", configuration)[0] == 0
    with lab.withdrawd(command, "-c", configuration) as run:
        wait_until("a withdrawal", lambda: lab.peer.prefixes() == Prefixes.STAYING, within=5)
        if command == "cron":
            run.signal_it(signal.SIGTERM)
        run.wait(within=20)
    files = {path.name: path.stat().st_uid for path in home.iterdir()}
    assert set(files) >= {"lock", "state.json", "history.jsonl"}
    assert set(files.values()) == {65534}
    for path in home.iterdir():
        path.unlink()
    home.rmdir()


def test_a_reload_of_twenty_thousand_files_delays_no_withdrawal(lab, measured):
    folder = lab.directory / "conf.d"
    folder.mkdir()
    for i in range(20_000):
        (folder / f"{i:05}.toml").write_text(
            f'[rule.r{i}]\nprefixes = ["10.{i // 256}.{i % 256}.0/24"]\nchecks = ["resolver"]\n'
        )
    configuration = lab.write(f'include = ["{folder}/*.none"]\n' + lab.configuration())
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_line("begins")
        lab.wait_for_announcements(Prefixes.ALL)
        # All of them are read and checked, and the mistake in the last keeps them from being used.
        (folder / "99999.toml").write_text("[rule.mistake]\nprefixs = []\n")
        configuration.write_text(f'include = ["{folder}/*.toml"]\n' + lab.configuration())
        asked_at = time.monotonic()
        withdrawd.signal_it(signal.SIGHUP)
        took = withdraws_and_announces(lab)
        withdrawd.wait_for_line("nothing changes", level="error", within=60)
        measured(f"20,000 files: read in {time.monotonic() - asked_at:.1f} s or less; "
                 f"withdrawn meanwhile after {took:.2f} s")
        assert took < 1
    subprocess.run(["rm", "-rf", folder], check=True)


def test_a_reload_that_takes_up_twenty_thousand_rules_delays_no_withdrawal(lab, measured):
    """They are all down, so that bgpd has nothing to do with them."""
    folder = lab.directory / "conf.d"
    folder.mkdir()
    for i in range(20_000):
        (folder / f"{i:05}.toml").write_text(
            f'[rule.r{i}]\nprefixes = ["10.{i // 256}.{i % 256}.0/24"]\nchecks = ["never"]\n'
        )
    more = lab.configuration() + (
        '[check.never]\ntype = "file"\npath = "/nowhere/at/all"\npresent = "up"\ninterval = "1h"\n'
        '[rule.first]\nprefixes = ["10.255.255.0/24"]\nchecks = ["never"]\n'
    )
    configuration = lab.write(f'include = ["{folder}/*.none"]\n' + more)
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_line("begins")
        withdrawd.wait_for_health("resolver", "up")
        lab.wait_for_announcements(Prefixes.ALL)
        configuration.write_text(f'include = ["{folder}/*.toml"]\n' + more)
        withdrawd.signal_it(signal.SIGHUP)
        withdrawd.wait_for_line("goes on with the new configuration", within=60)
        took = withdraws_and_announces(lab)
        measured(f"20,000 rules taken up: withdrawn after {took:.2f} s, from then on")
        assert took < 1
    subprocess.run(["rm", "-rf", folder], check=True)
