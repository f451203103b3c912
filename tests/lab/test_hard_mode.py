"""Hard mode: the original script, cell by cell. bgpd runs if and only if DNS answers."""

import contextlib
import json

import pytest

from lab import Lab, Nsd, Prefixes, stays, wait_until

ROUNDS = 4


@contextlib.contextmanager
def hard(lab, settle="500ms"):
    configuration = lab.write(
        lab.configuration(
            top={"mode": "hard"},
            bgpd={"settle": settle, "password_file": None, "enable_password_file": None},
            other=False,
        ).split("[rule.anycast]")[0]
    )
    with lab.withdrawd("run", "-c", configuration) as withdrawd:
        yield withdrawd


def bgpd_runs(lab):
    """As `status` says."""
    said = lab.start("status", "--json", "-c", lab.directory / "withdrawd.toml")[1]
    return json.loads(said)["bgpd"]["running"]


def rounds(withdrawd, level):
    """Waits for a few rounds that end with a line of this level."""
    seen = len(withdrawd.lines(level, "nothing to do"))
    wait_until(
        f"{ROUNDS} rounds logged as {level}",
        lambda: len(withdrawd.lines(level, "nothing to do")) >= seen + ROUNDS,
        within=10,
    )


def test_healthy_and_running_is_left_alone_and_logged_as_info(lab):
    pids = lab.bgpd.pids()
    with hard(lab) as withdrawd:
        rounds(withdrawd, "info")
        assert withdrawd.lines("warning") == []
        assert "198.18.0.53" in withdrawd.lines("info", "nothing to do")[0].message
    assert lab.bgpd.pids() == pids
    assert lab.peer.prefixes() == Prefixes.ALL


@pytest.mark.parametrize("fault", Nsd.FAULTS)
def test_unhealthy_and_running_is_killed_and_logged_as_warning(lab, fault):
    with hard(lab) as withdrawd:
        rounds(withdrawd, "info")
        lab.dns.fail(fault)
        wait_until("bgpd to be killed", lambda: not lab.bgpd.running(), within=5)
        withdrawd.wait_for_line("killed", level="warning")
        wait_until("the peer to lose all", lambda: not lab.peer.prefixes(), within=5)

        # Unhealthy and not running: nothing is done, and DNS failing is a warning still.
        informed = len(withdrawd.lines("info"))
        rounds(withdrawd, "warning")
        assert not lab.bgpd.running()
        assert len(withdrawd.lines("info")) == informed
        assert bgpd_runs(lab) is False

        # Healthy and not running.
        lab.dns.repair()
        withdrawd.wait_for_line("restarted", level="warning", within=10)
        lab.wait_for_announcements(Prefixes.ALL)
        rounds(withdrawd, "info")
        assert bgpd_runs(lab) is True


def test_unhealthy_and_not_running_is_left_alone_and_logged_as_warning(lab):
    lab.dns.kill()
    lab.bgpd.kill()
    with hard(lab) as withdrawd:
        rounds(withdrawd, "warning")
        assert not lab.bgpd.running()
        assert withdrawd.lines("info", "nothing to do") == []
        assert withdrawd.lines(containing="killed") == []


def test_bgpd_is_restarted_although_somebody_else_stopped_it(lab):
    with hard(lab) as withdrawd:
        rounds(withdrawd, "info")
        lab.bgpd.kill()
        withdrawd.wait_for_line("restarted", level="warning", within=10)
        lab.wait_for_announcements(Prefixes.ALL)


def test_a_bgpd_that_just_restarted_is_given_time_to_settle(lab):
    lab.bgpd.kill()
    with hard(lab, settle="2s") as withdrawd:
        withdrawd.wait_for_line("restarted", level="warning", within=10)
        wait_until("bgpd to run", lab.bgpd.running, within=1)
        lab.dns.kill()
        stays("a bgpd that settles", lab.bgpd.running, seconds=0.6)
        wait_until("bgpd to be killed", lambda: not lab.bgpd.running(), within=5)


@pytest.fixture(scope="module")
def secluded(program):
    """A PID namespace: there bgpd is the only one of its name."""
    with Lab(program, pid_namespace=True, name="pid") as lab:
        yield lab


def test_without_a_configuration_bgpd_is_found_by_its_name(secluded):
    lab = secluded
    log = lab.directory / "script.log"
    with lab.withdrawd(
        "cron", "--hard", "--name", "www.test.com", "--server", "127.0.0.1", "--log", log,
        "--restart", lab.bgpd.start_script,
    ) as withdrawd:
        withdrawd.output = log
        rounds(withdrawd, "info")
        lab.dns.fail("NXDOMAIN")
        wait_until("bgpd to be killed", lambda: not lab.bgpd.running(), within=5)
        assert "NXDOMAIN" in withdrawd.wait_for_line("killed", level="warning").message
        lab.dns.repair()
        withdrawd.wait_for_line("restarted", level="warning", within=10)
        lab.wait_for_announcements(Prefixes.ALL)
        assert withdrawd.terminate() == 0
    # The peer's bgpd is called the same, and was in another PID namespace.
    assert set(x["dropped"] for x in lab.peer.sessions().values()) == {1}


def test_without_a_configuration_a_run_ends_by_itself(secluded):
    lab = secluded
    status, said = lab.start(
        "cron", "--hard", "--name", "www.test.com", "--for", "3s", "--log-level", "info",
        "--restart", lab.bgpd.start_script, within=6,
    )
    assert status == 0, said
    assert "nothing to do" in said
