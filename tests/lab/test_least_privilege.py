"""The whole soft path as somebody who is a member of bgpd's vty group and nothing else."""

import shutil
from pathlib import Path

import pytest

from lab import Prefixes, wait_until


@pytest.fixture
def home(lab):
    """Where that user may write."""
    home = lab.directory / "member"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    shutil.chown(home, "nobody", "nogroup")
    return home


def member_configuration(lab, home, transports, **more):
    text = lab.configuration(
        transports,
        top={
            "state_file": home / "state.json", "history_file": home / "history.jsonl",
            "control_socket": home / "control.sock", "lock_file": home / "lock",
        },
        **more,
    )
    for secret in ("vty-password", "enable-password"):
        shutil.chown(lab.directory / secret, "nobody", "nogroup")
    return lab.write(text)


def status_of(withdrawd):
    text = Path(f"/proc/{withdrawd.process.pid}/status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines())


@pytest.mark.parametrize("transport", ("socket", "vtysh", "telnet"))
def test_the_soft_path_needs_no_more_than_the_vty_group(lab, home, transport):
    sessions = lab.peer.sessions()
    configuration = member_configuration(lab, home, [transport])
    with lab.withdrawd("run", "-c", configuration, as_member=True) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        seen = status_of(withdrawd)
        assert "0" not in seen["Uid"].split()
        assert int(seen["CapEff"], 16) == int(seen["CapBnd"], 16) == 0
        assert seen["NoNewPrivs"] == "1"

        lab.dns.kill()
        lab.wait_for_announcements(Prefixes.STAYING, within=10)
        for prefix in Prefixes.ANYCAST:
            assert transport in withdrawd.wait_for_line(f"{prefix} withdrawn").message
        lab.dns.repair()
        lab.wait_for_announcements(Prefixes.ALL, within=10)
        assert lab.peer.communities(Prefixes.TAGGED) == Prefixes.COMMUNITY
        # State, history and the control socket work, and belong to whoever may type into bgpd.
        for name in ("control.sock", "history.jsonl"):
            assert (home / name).group() == lab.software.vty_group
        wait_until(
            "status to find all as it should be",
            lambda: lab.start_as_member("status", "-c", configuration)[0] == 0,
            within=10,
        )
        assert withdrawd.lines("error") + withdrawd.lines("critical") == []
        assert withdrawd.terminate(within=10) == 0
        assert (home / "state.json").exists()
    assert lab.peer.changes_since(sessions) == []


def test_the_hard_path_says_what_it_lacks_and_bgpd_lives_on(lab, home):
    configuration = member_configuration(lab, home, ["socket"], fallback={"after": "300ms"})
    with lab.withdrawd("run", "-c", configuration, as_member=True) as withdrawd:
        withdrawd.wait_for_health("resolver", "up")
        pids = lab.bgpd.pids()
        lab.bgpd.freeze()
        lab.dns.kill()
        line = withdrawd.wait_for_line("CAP_KILL", within=15)
        assert line.level in ("error", "critical"), line
        assert "kill bgpd" in line.message
        assert lab.bgpd.pids() == pids
        lab.bgpd.thaw()
        # As soon as bgpd obeys again, it is told.
        lab.wait_for_announcements(Prefixes.STAYING, within=15)
