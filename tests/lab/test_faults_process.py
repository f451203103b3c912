"""Which bgpd is killed: the one that withdrawd talks to, and no other; whatever files and names say."""

import contextlib
import shutil
from pathlib import Path

import pytest

from lab import Lab, Prefixes, Program, stays, wait_until

FALLBACK = {"after": "1500ms", "restart_delay": "500ms"}


@pytest.fixture(scope="module")
def secluded(program):
    """A PID namespace: nothing in here can kill a bgpd of another test."""
    with Lab(program, pid_namespace=True, name="pid") as lab:
        yield lab


@pytest.fixture
def alone(secluded):
    secluded.restore()
    return secluded


@contextlib.contextmanager
def called_bgpd(lab, *before):
    """A process of that name in the lab's PID namespace, which does nothing."""
    folder = lab.directory / "others"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    if not (folder / "bgpd").exists():
        shutil.copy("/bin/sleep", folder / "bgpd")
    program = Program(
        lab.place.enter(*before, folder / "bgpd", "600"), lab.directory / "other.log"
    )
    with contextlib.closing(program):
        seen = wait_until("it to run", lambda: deepest(program.process.pid, "bgpd"), within=5)
        yield lambda: alive(seen)


def deepest(pid, comm):
    """The first of its descendants that is called so."""
    with contextlib.suppress(OSError, ValueError):
        if open(f"/proc/{pid}/comm").read().strip() == comm:
            return pid
        for child in open(f"/proc/{pid}/task/{pid}/children").read().split():
            if found := deepest(int(child), comm):
                return found
    return None


def hard_configuration(lab):
    """Hard mode, which knows bgpd by its name alone."""
    changes = {"pid_file": None, "password_file": None, "enable_password_file": None}
    text = lab.configuration(top={"mode": "hard"}, bgpd=changes, other=False)
    return lab.write(text.split("[rule.anycast]")[0])


def command_lines(lab):
    """Of each bgpd, but for how the first word says where the program is."""
    words = [Path(f"/proc/{pid}/cmdline").read_text().split("\0") for pid in lab.bgpd.pids()]
    return [(Path(first).name, *others) for first, *others in words]


def alive(pid):
    with contextlib.suppress(OSError):
        return open(f"/proc/{pid}/stat").read().rsplit(") ", 1)[1][0] not in "ZX"
    return False


@pytest.mark.parametrize("says", ("missing", "stale", "a container's"))
def test_a_frozen_bgpd_is_killed_whatever_its_pid_file_says(alone, says):
    lab = alone
    file = lab.directory / "wrong.pid"
    file.unlink(missing_ok=True)
    if says == "stale":
        file.write_text("4194303\n")
    elif says == "a container's":
        file.write_text("1\n")
    configuration = lab.write(
        lab.configuration(bgpd={"pid_file": file}, fallback=FALLBACK, other=False)
    )
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        lab.bgpd.freeze()
        lab.dns.kill()
        wait_until("bgpd to be killed", lambda: not lab.bgpd.running(), within=6)
        withdrawd.wait_for_line("killed, with all its prefixes", level="critical")
        assert withdrawd.lines(containing="bgpd is not running") == []
        lab.dns.repair()
        lab.wait_for_announcements(Prefixes.ALL)


def test_one_in_no_service_is_started_again_by_its_own_command_line(alone):
    lab = alone
    configuration = lab.write(
        lab.configuration(bgpd={"restart": None}, fallback=FALLBACK, other=False)
    )
    before = command_lines(lab)
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        lab.bgpd.freeze()
        lab.dns.kill()
        wait_until("bgpd to be killed", lambda: not lab.bgpd.running(), within=6)
        lab.dns.repair()
        withdrawd.wait_for_line("bgpd restarted after the fallback", level="warning", within=10)
        lab.wait_for_announcements(Prefixes.ALL)
    assert command_lines(lab) == before


@pytest.mark.parametrize("mode", ("soft", "hard"))
def test_a_bgpd_of_another_network_namespace_is_not_killed_with_ours(alone, mode):
    lab = alone
    if mode == "hard":
        configuration = hard_configuration(lab)
    else:
        configuration = lab.write(
            lab.configuration(bgpd={"pid_file": None}, fallback=FALLBACK, other=False)
        )
    level = "warning" if mode == "hard" else "critical"
    with called_bgpd(lab, "unshare", "--net", "--") as lives:
        with lab.withdrawd("run", "-c", configuration) as withdrawd:
            withdrawd.wait_for_health("resolver", "up")
            lab.bgpd.freeze()
            lab.dns.kill()
            wait_until("bgpd to be killed", lambda: not lab.bgpd.running(), within=6)
            withdrawd.wait_for_line(") killed", level=level)
            lab.dns.repair()
            # The other is none of ours: it does not count as running either.
            withdrawd.wait_for_line("bgpd restarted", level="warning", within=10)
        assert lives()
    lab.wait_for_announcements(Prefixes.ALL)


def test_of_two_that_fit_none_is_killed_and_both_are_named(alone):
    lab = alone
    nowhere = {
        "socket": lab.directory / "nowhere.vty", "vtysh": "/bin/false", "telnet": "127.0.0.1:1",
        "pid_file": None,
    }
    configuration = lab.write(lab.configuration(bgpd=nowhere, fallback=FALLBACK, other=False))
    with called_bgpd(lab) as lives, lab.withdrawd("run", "-c", configuration) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        lab.dns.kill()
        line = withdrawd.wait_for_line("2 are called", level="critical", within=6).message
        assert str(lab.bgpd.configuration) in line and "/others/bgpd" in line
        stays("both", lambda: lives() and lab.bgpd.running(), seconds=2)
        assert lab.start("status", "-c", configuration)[0] != 0


def test_a_user_who_calls_a_process_bgpd_does_not_keep_the_real_one_down(alone):
    lab = alone
    configuration = hard_configuration(lab)
    lab.bgpd.kill()
    user = ("setpriv", "--reuid", "1234", "--regid", "1234", "--clear-groups", "--")
    with called_bgpd(lab, *user) as lives:
        status, said = lab.start("once", "-c", configuration)
        assert "restarted" in said, (status, said)
        assert lives()
    wait_until("bgpd to run", lab.bgpd.running, within=5)
    lab.wait_for_announcements(Prefixes.ALL)


def test_doctor_shows_whom_the_fallback_would_kill_and_how_it_is_known(alone):
    lab = alone
    for changes, known_by in (({}, "its vty socket"), ({"pid_file": None}, "its vty socket")):
        configuration = lab.write(lab.configuration(bgpd=changes))
        said = lab.start("doctor", "--json", "-c", configuration)[1]
        assert f"known by {known_by}" in said, said
    wrong = lab.write(lab.configuration(bgpd={"pid_file": lab.directory / "no.pid"}))
    assert "does not name it" in lab.start("doctor", "--json", "-c", wrong)[1]
